import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { LabError } from '../../src/base/errors.ts';
import { check, errnoName, osError } from '../../src/os/errno.ts';
import { EventFd } from '../../src/os/event-fd.ts';
import { InterfaceControl, setInterfaceName } from '../../src/os/interface.ts';
import * as libc from '../../src/os/libc.ts';
import { listenTcp } from '../../src/os/listen.ts';
import { arena, mapShared, setAddress } from '../../src/os/memory.ts';
import { attributes } from '../../src/os/netlink.ts';
import { MAX_WAIT_MS, PollSet } from '../../src/os/poll-set.ts';
import { links } from '../../src/os/rtnetlink.ts';

describe('errno', () => {
  test('has the names of errno.h, one name per number', () => {
    expect([1, 2, 11, 16, 77, 100, 105].map(errnoName)).toEqual(['EPERM', 'ENOENT', 'EAGAIN', 'EBUSY', 'EBADFD', 'ENETDOWN', 'ENOBUFS']);
    expect(errnoName(4242)).toBe('errno 4242');
  });
  test('an error names the call, the object and the errno', () => {
    const error = osError('setns', '"node1"', 1, 'NETNS_EPERM');
    expect(error).toBeInstanceOf(LabError);
    expect([error.message, error.code]).toEqual(['setns "node1": EPERM', 'NETNS_EPERM']);
    expect(error.cause).toMatchObject({ errno: 1 });
  });
  test('a failed call throws with the errno of this thread', () => {
    expect(() => check(libc.open('/nowhere/at-all', libc.O_RDONLY, 0), 'open', '"/nowhere/at-all"')).toThrow(
      'open "/nowhere/at-all": ENOENT',
    );
    expect(() => check(libc.close(-1), 'close', 'fd -1')).toThrow('close fd -1: EBADF');
    expect(check(7, 'open', '')).toBe(7);
  });
});

describe('memory', () => {
  test('an address is that of the first byte: a file is read to where it says', () => {
    const a = arena(100);
    const fd = check(libc.open('/proc/self/comm', libc.O_RDONLY | libc.O_CLOEXEC, 0), 'open', 'comm');
    const n = libc.read(fd, a.base + 10, 90);
    libc.close(fd);
    expect(Buffer.from(a.bytes.subarray(10, 10 + n)).toString()).toBe(readFileSync('/proc/self/comm', 'utf8'));
    expect(a.bytes.subarray(0, 10).every(x => x === 0)).toBe(true);
  });
  test('an address goes into two words', () => {
    const words = new Uint32Array(4).fill(0xa5a5a5a5);
    setAddress(words, 1, 0x7fff_fedc_ba98);
    expect([...words]).toEqual([0xa5a5a5a5, 0xfedcba98, 0x7fff, 0xa5a5a5a5]);
    setAddress(words, 1, 0xffff_ffff_f000 / 2);
    expect(words[2]! * 2 ** 32 + words[1]!).toBe(0xffff_ffff_f000 / 2);
  });
  test('a mapping that is closed is empty for whoever still looks at it', () => {
    const fd = check(libc.open('/tmp', 0o20200000 | libc.O_RDWR | libc.O_CLOEXEC, 0o600), 'open O_TMPFILE', '/tmp');
    libc.write(fd, arena(8192).base, 8192);
    const map = mapShared(fd, 8192, 'a file');
    map.bytes.set([1, 2, 3], 4096);
    const view = new Uint8Array(map.bytes.buffer, 4096);
    expect([view[0], view.length]).toEqual([1, 4096]);
    map.close();
    map.close();
    libc.close(fd);
    expect([view[0], view.length, map.bytes.length]).toEqual([undefined, 0, 0]);
  });
  test('a mapping that fails says of what', () => {
    expect(() => mapShared(-1, 4096, 'receive ring of "eth0"')).toThrow('mmap receive ring of "eth0" (4096 bytes): EBADF');
  });
});

describe('poll set', () => {
  test('finds the ready one among many, past its first capacity', () => {
    const events = Array.from({ length: 5 }, () => new EventFd());
    const poll = new PollSet(2);
    poll.add(-1);
    const places = events.map(e => poll.add(e.fd));
    expect(poll.wait(0)).toBe(0);
    events[3]!.wake();
    expect(poll.wait(1000)).toBe(1);
    expect(places.map(p => poll.ready(p))).toEqual([false, false, false, true, false]);
    expect(poll.revents(places[3]!)).toBe(libc.POLLIN);
    poll.remove(places[3]!);
    expect(poll.wait(0)).toBe(0);
    for (const e of events) e.close();
  });
  test('a descriptor that was closed is ready, so that its owner finds out', () => {
    const event = new EventFd();
    event.close();
    const poll = new PollSet();
    const place = poll.add(event.fd);
    expect(poll.wait(1000)).toBe(1);
    expect([poll.ready(place), poll.revents(place)]).toEqual([true, libc.POLLNVAL]);
  });
  test('never waits longer than its bound, whatever is asked', () => {
    expect(MAX_WAIT_MS).toBeLessThanOrEqual(1000);
    expect(new PollSet().wait(-5)).toBe(0);
  });
});

describe('event descriptor', () => {
  test('many wake-ups are one, by whichever object holds the number', () => {
    const event = new EventFd();
    const sameElsewhere = new EventFd(event.fd);
    sameElsewhere.wake();
    sameElsewhere.wake();
    expect([event.drain(), event.drain()]).toEqual([true, false]);
    event.close();
  });
});

describe('interfaces', () => {
  test('the loopback is there for everyone', () => {
    const control = new InterfaceControl();
    expect([control.ifindex('lo'), control.flags('lo') & 8, control.flagsOf(1) & 8, [...control.mac('lo')]]).toEqual([
      1,
      8,
      8,
      [0, 0, 0, 0, 0, 0],
    ]);
    expect(control.flagsOf(0x7fffffff)).toBe(-1);
    expect(() => control.mtu('absent0')).toThrow('ioctl SIOCGIFMTU "absent0": ENODEV');
    control.close();
    expect(links().find(l => l.ifindex === 1)).toMatchObject({ name: 'lo', master: 0 });
  });
  test.each(['', 'sixteen-letters-'])('"%s" is no interface name', name => {
    expect(() => setInterfaceName(new Uint8Array(40), name)).toThrow(`not an interface name: "${name}": must have 1 to 15 bytes`);
  });
});

describe('netlink attributes', () => {
  const body = (...bytes: number[]) => new DataView(Uint8Array.from(bytes).buffer);
  test('are read after the family structure, padded to four, flag bits off', () => {
    const found = attributes(body(9, 9, 9, 9, 5, 0, 1, 0, 77, 0, 0, 0, 8, 0, 2, 0x80, 1, 0, 0, 0), 4);
    expect([...found.keys()]).toEqual([1, 2]);
    expect([found.get(1)!.getUint8(0), found.get(1)!.byteLength, found.get(2)!.getUint32(0, true)]).toEqual([77, 1, 1]);
  });
  test('a malformed rest is left out', () => {
    expect(attributes(body(8, 0, 1, 0, 1, 0, 0, 0, 3, 0, 2, 0), 0).size).toBe(1);
    expect(attributes(body(200, 0, 1, 0, 1, 0, 0, 0), 0).size).toBe(0);
    expect(attributes(body(8, 0), 0).size).toBe(0);
  });
});

describe('a TCP socket that listens', () => {
  test('is made at once, and a server takes its descriptor over', async () => {
    const probe = createServer();
    await new Promise<void>(resolve => probe.listen(0, '127.0.0.1', resolve));
    const { port } = probe.address() as { port: number };
    expect(() => listenTcp('127.0.0.1', port)).toThrow(`bind 127.0.0.1:${port}: EADDRINUSE`);
    await new Promise(resolve => probe.close(resolve));
    const server = createServer((_, response) => response.end('here'));
    const fd = listenTcp('127.0.0.1', port);
    await new Promise<void>(resolve => server.listen({ fd }, resolve));
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('here');
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  });
});
