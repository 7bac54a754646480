/** The faults of a lab that is up: one at a time stands, until the lab is built anew. */
import { LabError } from '../../base/errors.ts';
import type { Instance } from '../instance.ts';
import { Performer } from '../performer.ts';
import type { Standing, Trouble } from './trouble.ts';

export class Troubles {
  #standing: Standing | undefined;

  get standing(): Standing | undefined {
    return this.#standing;
  }

  /**
   * From now on it stands, and the exercise claims what a repair of it must keep.
   *
   * @param fault from 1 @throws LabError BAD_INPUT for a fault that this exercise has not, cannot have here, or while another one stands
   */
  async bring(instance: Instance, fault: number, say: (line: string) => void): Promise<null> {
    const { lab, planes } = instance;
    if (this.#standing !== undefined)
      throw new LabError('BAD_INPUT', `fault ${this.#standing.fault} stands: \`kubehop lab reset NN\` builds the lab anew`);
    const trouble = troubleOf(lab.troubles ?? [], fault);
    const { only } = trouble;
    if (only !== undefined && [...planes.values()].some(plane => plane.kind !== only.plane))
      throw new LabError('BAD_INPUT', `fault ${fault} is for ${only.plane} nodes: ${only.because}`);
    this.#standing = { fault, hints: 0 }; // also when only half of it comes: the next one needs a lab that is well
    // What it does would tell what it is.
    const performer = new Performer(instance, lab.folder ?? '.', () => undefined);
    try {
      await performer.steps(trouble.inject);
    } finally {
      performer.close();
    }
    instance.lab = { ...instance.lab, steps: [...lab.steps, ...(trouble.keeps ?? [])] };
    say(`fault ${fault} is in`);
    return null;
  }

  /** One more hint was asked for. */
  hint(): Standing | null {
    if (this.#standing === undefined) return null;
    this.#standing = { ...this.#standing, hints: Math.min(3, this.#standing.hints + 1) };
    return this.#standing;
  }
}

/** @throws LabError BAD_INPUT */
export function troubleOf(troubles: readonly Trouble[], fault: number): Trouble {
  const trouble = troubles[fault - 1];
  if (trouble !== undefined) return trouble;
  const there = troubles.length === 0 ? 'this exercise has no faults to find' : `there are faults 1 to ${troubles.length}`;
  throw new LabError('BAD_INPUT', `there is no fault ${fault}: ${there}`);
}
