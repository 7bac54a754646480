/**
 * Whether an interface is still there. A device that loses its interface keeps quiet and says why in `failure`; the others go on.
 *
 * Down: `failure` stands until the interface is up again, then the device goes on by itself (the kernel hooks the packet socket in
 * again, and a TAP's descriptor stays attached). Deleted: for good, also when another interface of the same name is made.
 */
import { LabError } from '../base/errors.ts';
import { errnoName } from '../os/errno.ts';
import { IFF_UP, type InterfaceControl } from '../os/interface.ts';

const LOOK_EVERY = 8;

export class LinkState {
  failure: LabError | undefined;
  #deleted = false;
  #refused = 0;
  readonly #control: InterfaceControl;
  readonly #ifindex: number;
  readonly #name: string;

  constructor(control: InterfaceControl, ifindex: number, name: string) {
    this.#control = control;
    this.#ifindex = ifindex;
    this.#name = name;
  }

  /** For good. */
  get deleted(): boolean {
    return this.#deleted;
  }

  /** Before a transmit: may it be tried? While the interface is down one in so many attempts looks whether it is up again. */
  usable(): boolean {
    if (this.failure === undefined) return true;
    return ++this.#refused % LOOK_EVERY === 0 && this.recovered();
  }

  /** `call` failed with `errno`: is it the interface? @returns true when it is gone or down, and `failure` says so. */
  lost(call: string, errno: number): boolean {
    if (this.#deleted) return true;
    const flags = this.#control.flagsOf(this.#ifindex);
    if (flags >= 0 && (flags & IFF_UP) !== 0) return false;
    this.#deleted = flags < 0;
    const what = this.#deleted ? 'was deleted' : 'is down';
    this.failure = new LabError('DEVICE_GONE', `${call} "${this.#name}": ${errnoName(errno)}: interface ${what}`, {
      cause: { call, errno },
    });
    return true;
  }

  /** With a failure: look again. @returns true when the interface is up and the failure is over. One or two ioctl. */
  recovered(): boolean {
    if (this.#deleted) return false;
    const flags = this.#control.flagsOf(this.#ifindex);
    if (flags < 0) {
      this.#deleted = true;
      this.failure = new LabError('DEVICE_GONE', `ioctl SIOCGIFNAME "${this.#name}": ENODEV: interface was deleted`);
      return false;
    }
    if ((flags & IFF_UP) === 0) return false;
    this.failure = undefined;
    return true;
  }
}
