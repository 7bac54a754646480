import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

/**
 * Who may import whom, as the table in ARCHITECTURE.md says it: folder, what it holds, what it may import. A folder is named by its first
 * part below `src`; `device/device.ts` stands for that file alone. The folder itself may always be imported from inside.
 */
const ALLOWED: Record<string, readonly string[]> = Object.fromEntries(
  readFileSync(resolve(import.meta.dirname, '../ARCHITECTURE.md'), 'utf8')
    .split('\n## ')
    .find(section => section.startsWith('Folders'))!
    .split('\n')
    .filter(line => /^\| [a-z]+ \|/.test(line) && !line.startsWith('| folder '))
    .map(line => {
      const [folder, , imports] = line
        .slice(1, -1)
        .split('|')
        .map(cell => cell.trim());
      return [folder!, imports === 'nothing of ours' ? [] : imports!.split(', ')];
    }),
);

/** Folders that must give the same answer for the same input: time is an argument there. */
const CLOCKLESS = ['wire', 'conntrack', 'netfilter'];

const SRC = resolve(import.meta.dirname, '../src');

interface Import {
  specifier: string;
  typeOnly: boolean;
}
interface Source {
  /** Below `src`: `wire/udp.ts`. */
  path: string;
  folder: string;
  /** Without comments. */
  code: string;
  imports: Import[];
}

/** Comments out; strings and templates stay (a `//` inside a string is no comment). */
function withoutComments(text: string): string {
  return text.replace(
    /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (_, string) => string ?? ' ',
  );
}

/** `import ... from`, `export ... from`, `import '...'`, `import(...)`, and `new URL('./x.ts', import.meta.url)`, by which workers are named. */
function importsOf(code: string): Import[] {
  const found: Import[] = [];
  const statement = /\b(?:import|export)\b(\s+type\b)?(?:[\s\w{},*$]*?\bfrom\b)?\s*['"]([^'"\n]+)['"]/g;
  for (const m of code.matchAll(statement)) found.push({ specifier: m[2]!, typeOnly: m[1] !== undefined });
  for (const m of code.matchAll(/\bimport\s*\(\s*['"]([^'"\n]+)['"]/g)) found.push({ specifier: m[1]!, typeOnly: false });
  for (const m of code.matchAll(/\bnew URL\(\s*['"](\.[^'"\n]+\.ts)['"]\s*,\s*import\.meta\.url/g))
    found.push({ specifier: m[1]!, typeOnly: true });
  return found;
}

const sources: Source[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter(path => path.endsWith('.ts'))
  .sort()
  .map(path => {
    const code = withoutComments(readFileSync(join(SRC, path), 'utf8'));
    return { path, folder: path.split('/')[0]!, code, imports: importsOf(code) };
  });

/** The file below `src` that a relative import means. */
const target = (source: Source, specifier: string): string => relative(SRC, resolve(SRC, dirname(source.path), specifier));

describe('the reading of imports', () => {
  test('finds every form, and none in comments', () => {
    const code = withoutComments(`
      import a from './a.ts'; import * as b from "./b.ts";
      import { c,
        type D } from './c.ts';
      import type { E } from './e.ts';
      export { f } from './f.ts'; export * from './g.ts'; export type { H } from './h.ts';
      import './i.ts'; const j = await import('./j.ts');
      new Worker(new URL('./k.ts', import.meta.url));
      // import x from './x.ts'
      /* import y from './y.ts' */
      const url = 'http://no.comment'; import z from './z.ts';
      export const from = 'q'; const s = 'from';
    `);
    expect(
      importsOf(code)
        .map(i => i.specifier.slice(2, 3))
        .sort()
        .join(''),
    ).toBe('abcefghijkz');
    expect(
      importsOf(code)
        .filter(i => i.typeOnly)
        .map(i => i.specifier),
    ).toEqual(['./e.ts', './h.ts', './k.ts']);
  });

  test('reads the whole tree', () => {
    expect(sources.length).toBeGreaterThan(20);
    expect(sources.flatMap(s => s.imports).length).toBeGreaterThan(50);
  });
});

describe('architecture', () => {
  test('the table names folders and files, each of its words', () => {
    expect(Object.keys(ALLOWED).length).toBeGreaterThan(10);
    const strange = Object.values(ALLOWED)
      .flat()
      .filter(entry => !(entry in ALLOWED) && !existsSync(join(SRC, entry)));
    expect(strange).toEqual([]);
  });

  test('every folder stands in the table', () => {
    expect(sources.map(s => s.folder).filter(folder => !(folder in ALLOWED))).toEqual([]);
  });

  test('imports go one way', () => {
    const wrong: string[] = [];
    for (const source of sources) {
      for (const { specifier } of source.imports) {
        if (!specifier.startsWith('.')) continue;
        const to = target(source, specifier);
        const allowed = [source.folder, ...(ALLOWED[source.folder] ?? [])];
        if (!allowed.some(entry => to === entry || to.startsWith(`${entry}/`))) wrong.push(`${source.path} imports ${to}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('every relative import names a file that is there, with its extension', () => {
    const missing = sources.flatMap(source =>
      source.imports
        .filter(i => i.specifier.startsWith('.') && !existsSync(join(SRC, target(source, i.specifier))))
        .map(i => `${source.path} imports ${i.specifier}`),
    );
    expect(missing).toEqual([]);
  });

  test('no file imports itself by a circle', () => {
    const byPath = new Map(sources.map(s => [s.path, s]));
    const state = new Map<string, 'open' | 'done'>();
    const circles: string[] = [];
    const visit = (path: string, trail: string[]): void => {
      if (state.get(path) === 'done') return;
      if (state.get(path) === 'open') {
        circles.push([...trail.slice(trail.indexOf(path)), path].join(' > '));
        return;
      }
      state.set(path, 'open');
      const source = byPath.get(path);
      for (const { specifier, typeOnly } of source?.imports ?? []) {
        // A type is gone before anything runs: two files may name each other's types.
        if (specifier.startsWith('.') && !typeOnly) visit(target(source!, specifier), [...trail, path]);
      }
      state.set(path, 'done');
    };
    for (const source of sources) visit(source.path, []);
    expect(circles).toEqual([]);
  });

  test('os alone speaks to libc', () => {
    const speakers = sources.filter(s => s.imports.some(i => i.specifier.split('/')[0] === 'koffi')).map(s => s.path);
    expect(speakers.filter(path => !path.startsWith('os/'))).toEqual([]);
    expect(speakers.length).toBeGreaterThan(0);
  });

  test('packages are those that package.json names, and node is imported as node:', () => {
    const { dependencies } = JSON.parse(readFileSync(join(SRC, '../package.json'), 'utf8')) as { dependencies: Record<string, string> };
    const strange = sources.flatMap(source =>
      source.imports
        .filter(({ specifier, typeOnly }) => {
          if (specifier.startsWith('.') || specifier.startsWith('node:')) return false;
          const name = specifier
            .split('/')
            .slice(0, specifier.startsWith('@') ? 2 : 1)
            .join('/');
          return builtinModules.includes(name) || !(name in dependencies || typeOnly);
        })
        .map(i => `${source.path} imports ${i.specifier}`),
    );
    expect(strange).toEqual([]);
  });

  test.each(CLOCKLESS)('%s reads no clock', folder => {
    const readers = sources.filter(
      s => s.folder === folder && /\bDate\.now\b|\bnew Date\(\)|\bperformance\b|\bhrtime\b|\bmonotonicClock\b/.test(s.code),
    );
    expect(readers.map(s => s.path)).toEqual([]);
  });

  test.each(['wire', 'packet', 'conntrack', 'netfilter', 'router'])('%s draws no random number of its own', folder => {
    const readers = sources.filter(s => s.folder === folder && /\bMath\.random\b|\bgetRandomValues\b|\bsystemRandom\b/.test(s.code));
    expect(readers.map(s => s.path)).toEqual([]);
  });

  // A program of its own, such as a pod's echo server or a thread's entry, is told by exporting nothing: then nobody uses it as a library.
  test('cli alone prints, and programs that are started as processes or threads', () => {
    const prints = /\bconsole\s*\.|\bprocess\s*\.\s*(?:stdout|stderr)\b/;
    const printers = sources.filter(s => s.folder !== 'cli' && prints.test(s.code) && /^\s*export\b/m.test(s.code));
    expect(printers.map(s => s.path)).toEqual([]);
  });
});
