/** The exercises that are there: folders `labs/NN-what-it-shows` with a `lab.ts`. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { LabError } from '../base/errors.ts';
import { readErrors, readObjects } from '../cluster/objects/read.ts';
import type { ClusterObject } from '../cluster/objects/types.ts';
import type { Lab } from './definition.ts';
import { overNetwork } from './networks.ts';
import type { PodNetwork } from './topology/model.ts';

/** Exercises of one's own stand in a folder that KUBEHOP_LABS names. */
const LABS = process.env.KUBEHOP_LABS ?? fileURLToPath(new URL('../../labs', import.meta.url));

export interface CatalogEntry {
  /** `07` */
  number: string;
  /** `nodeport` */
  name: string;
  folder: string;
}

export function catalog(labs = LABS): CatalogEntry[] {
  return readdirSync(labs)
    .sort()
    .flatMap(folder => {
      const [, number, name] = /^(\d\d)-([a-z0-9-]+)$/.exec(folder) ?? [];
      const path = join(labs, folder);
      return number === undefined || !existsSync(join(path, 'lab.ts')) ? [] : [{ number, name: name!, folder: path }];
    });
}

/** @param number `07` or `7` @throws LabError LAB_UNKNOWN, which lists what there is */
export function findLab(number: string, entries = catalog()): CatalogEntry {
  const wanted = /^\d{1,2}$/.test(number) ? number.padStart(2, '0') : number;
  const entry = entries.find(e => e.number === wanted || e.name === wanted || `${e.number}-${e.name}` === wanted);
  if (entry !== undefined) return entry;
  const known = entries.map(e => `${e.number} ${e.name}`).join(', ');
  throw new LabError('LAB_UNKNOWN', `there is no exercise "${number}": there are ${known}`);
}

/** With the objects of its manifests. @param network other than its own @throws LabError LAB_UNKNOWN; BAD_INPUT with every cause when a manifest is not valid */
export async function loadLab(number: string, network?: PodNetwork): Promise<Lab> {
  const { folder } = findLab(number);
  const { default: own } = (await import(pathToFileURL(join(folder, 'lab.ts')).href)) as { default: Lab };
  const lab = overNetwork(own, network);
  // Where there is an API, it reads them.
  if (lab.manifests === undefined || lab.api === true) return { ...lab, folder };
  return { ...lab, folder, objects: lab.manifests.flatMap(file => readManifest(join(folder, file))) };
}

function readManifest(path: string): ClusterObject[] {
  const { objects, problems } = readObjects(readFileSync(path, 'utf8'), path);
  const wrong = [...problems, ...objects.flatMap(readErrors)];
  if (wrong.length > 0) throw new LabError('BAD_INPUT', wrong.join('\n'));
  return objects.map(o => o.object);
}
