/**
 * The page's modules as one script. A browser takes no TypeScript and, from a file, no imports: types are erased as Node erases them, and the
 * modules, each after those it needs, share one scope. So their top-level names must be unique; the browser refuses a second one.
 */
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';

/** @param paths below this folder, in the order in which they run @throws Error for an import or export in a form that cannot be joined */
export function joinModules(paths: readonly string[]): string {
  return paths.map(path => joinable(path, eraseTypes(readFileSync(new URL(path, import.meta.url), 'utf8')))).join('\n');
}

/** The function is the one that runs this very file; that it may still change in its details needs not be told at every run. */
function eraseTypes(code: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(code);
  } finally {
    process.emitWarning = emitWarning;
  }
}

function joinable(path: string, code: string): string {
  const joined = code
    .replace(/^import\s*\{[^}]*\}\s*from\s*'\.[^']+';$/gm, '')
    .replace(/^export (?=(?:const|let|function|class)\b)/gm, '')
    .replace(/[ \t]+$/gm, '')
    .replace(/\n{3,}/g, '\n\n');
  const left = /^(?:import|export)\b.*$/m.exec(joined)?.[0];
  if (left !== undefined) throw new Error(`${path}: cannot join "${left}"`);
  return joined;
}
