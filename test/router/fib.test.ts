import { describe, expect, test } from 'vitest';
import { parseIpv4 } from '../../src/base/address.ts';
import { Fib, type Route, RouteType } from '../../src/router/fib.ts';

const route = (network: string, prefix: number, oif: number, type: RouteType = RouteType.Unicast): Route => ({
  network: parseIpv4(network),
  prefix,
  type,
  oif,
  via: 0,
  prefSrc: 0,
  metric: 0,
});
const pod = parseIpv4('10.244.1.2');
const other = parseIpv4('10.244.2.2');

describe('routes', () => {
  test('asked for the same address again, tell what holds now and not what held before', () => {
    const fib = new Fib();
    fib.replace([route('10.244.1.0', 24, 2)]);
    expect(fib.oif[fib.lookup(pod)]).toBe(2);
    expect(fib.oif[fib.lookup(pod)]).toBe(2);
    expect(fib.lookup(other)).toBe(-1);
    expect(fib.addressType(pod)).toBe(RouteType.Unicast);
    fib.replace([route('10.244.1.0', 24, 3), route('10.244.1.2', 32, 1, RouteType.Local)]);
    expect(fib.type[fib.lookup(pod)]).toBe(RouteType.Local);
    expect(fib.addressType(pod)).toBe(RouteType.Local);
    fib.replace([route('10.244.2.0', 24, 3)]);
    expect(fib.lookup(pod)).toBe(-1);
    expect(fib.addressType(pod)).toBe(RouteType.Unicast);
    expect(fib.oif[fib.lookup(other)]).toBe(3);
  });

  test('nobody has 0.0.0.0 before there are any', () => {
    const fib = new Fib();
    expect(fib.lookup(0)).toBe(-1);
    expect(fib.addressType(0)).toBe(RouteType.Broadcast);
    fib.replace([route('0.0.0.0', 0, 4)]);
    expect(fib.oif[fib.lookup(0)]).toBe(4);
  });
});
