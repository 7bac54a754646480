/**
 * How long `report.html` takes to be made and to open in Chromium: until the first packet's first step is on the screen, and from one step to
 * the next. Two runs, side by side, of a conversation that the hops saw in so many records.
 *
 *     node test/bench/report-page.ts [records, 5000]
 *
 * Exit 1 when it opens in more than two seconds.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeReportPage } from '../../src/lab/page/report-page.ts';
import { chosenByKernel, chosenByUserspace } from '../capture/support/node-port-path.ts';
import { openBrowser } from '../web/support/browser.ts';
import { conversation, writeRunFolder } from '../web/support/run-folder.ts';

const records = Number(process.argv[2] ?? 5000);
const folder = mkdtempSync(join(tmpdir(), 'kubehop-page-'));
const browser = await openBrowser();
try {
  const sent = conversation(records / 10);
  writeRunFolder(join(folder, 'userspace'), sent, chosenByUserspace);
  writeRunFolder(join(folder, 'kernel'), sent, chosenByKernel);
  const making = performance.now();
  const path = writeReportPage(folder, { lab: '07', title: 'many packets' }, ['userspace', 'kernel']);
  console.log(
    `made: ${(performance.now() - making).toFixed(0)} ms, ${(statSync(path).size / 1e6).toFixed(1)} MB, 2 runs of ${sent.length * 10} records`,
  );
  const opened: number[] = [];
  for (let round = 0; round < 5; round++) {
    const page = await browser.newPage();
    const from = performance.now();
    await page.goto(String(pathToFileURL(path)));
    await page.waitForSelector('html[data-ready]');
    await page.evaluate('new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))');
    opened.push(performance.now() - from);
    if (round === 4) {
      const stepping = performance.now();
      for (let i = 0; i < 9; i++) await page.keyboard.press('ArrowRight');
      console.log(`a step: ${((performance.now() - stepping) / 9).toFixed(0)} ms`);
      await page.keyboard.press('p');
    }
    await page.close();
  }
  console.log(`opens: ${opened.map(ms => ms.toFixed(0)).join(', ')} ms`);
  if (Math.max(...opened) > 2000) process.exitCode = 1;
} finally {
  await browser.close();
  rmSync(folder, { recursive: true });
}
