/** What faults are made of. */
import { expectOutput, type LabStep, prepare } from '../../../src/lab/definition.ts';

const LIMIT = 'timeout 20 sh -c';

/** Waits until a command of the node's succeeds. */
export const until = (where: string, condition: string): LabStep => prepare(where, `${LIMIT} 'until ${condition}; do sleep 0.2; done'`);
/** A rule of the node fits, or none does. @param pattern of grep */
export const ruled = (node: string, pattern: string): LabStep => until(node, `iptables-save | grep -q -e "${pattern}"`);
export const notRuled = (node: string, pattern: string): LabStep => until(node, `! iptables-save | grep -q -e "${pattern}"`);

/** A program that goes on for as long as the lab is up. @param script of bash, without single quotes */
export const background = (where: string, script: string): LabStep =>
  prepare(where, `setsid bash -c '${script}' > /dev/null 2>&1 < /dev/null &`);

/** A program in the background counts on. @param counter file in which it counts */
export const countsOn = (where: string, counter: string): LabStep =>
  expectOutput(
    where,
    `a=$(cat ${counter}); sleep 3; b=$(cat ${counter}); [ "$b" -gt "$a" ] && echo goes on || echo "stands still at $b"`,
    /^goes on$/m,
  );
