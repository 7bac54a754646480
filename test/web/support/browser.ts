/** The machine's Chromium. */
import { accessSync, constants } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const candidates = [process.env.KUBEHOP_CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

const executable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const found = candidates.find(path => path !== '' && executable(path));

/** Why no page can be opened here, or ''. */
export const noBrowser = found === undefined ? 'no Chromium here: `apt-get install chromium`, or its path in KUBEHOP_CHROMIUM' : '';

/** @throws Error when there is none */
export function openBrowser(): Promise<Browser> {
  if (found === undefined) throw new Error(noBrowser);
  // As root it refuses to start with its sandbox; what is opened is a file of ours.
  return chromium.launch({ executablePath: found, args: process.getuid!() === 0 ? ['--no-sandbox'] : [] });
}
