/** `report.html` of exercise 07 in a real browser. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { natEntries } from '../../src/lab/evidence.ts';
import { reportData } from '../../src/lab/page/report-page.ts';
import { endsText } from '../../src/web/model/table.ts';
import type { TrackedEntry } from '../../src/web/report-data.ts';
import { noBrowser, openBrowser } from '../web/support/browser.ts';
import { Kubehop, lacking } from './support.ts';

const without = lacking === '' ? noBrowser : lacking;

describe.skipIf(without !== '')(without === '' ? 'report.html' : `report.html (skipped: ${without})`, () => {
  const kubehop = new Kubehop();
  const out = join(kubehop.home, 'out');
  let browser: Browser;
  let context: BrowserContext | undefined;
  let last: string[];
  /** What the pages complained of, and what they asked for. */
  const complaints: string[] = [];
  const requests: string[] = [];

  beforeAll(async () => {
    const { code, stdout } = await kubehop.run('lab', 'run', '07', '--out', out);
    expect(code).toBe(0);
    last = stdout.trimEnd().split('\n').slice(-2);
    browser = await openBrowser();
  });
  afterEach(() => context?.close());
  afterAll(async () => {
    await browser?.close();
    kubehop.close();
  });

  async function open(options: Parameters<Browser['newContext']>[0] = {}, hash = ''): Promise<Page> {
    context = await browser.newContext(options);
    const page = await context.newPage();
    page.on('console', message => complaints.push(message.text()));
    page.on('pageerror', error => complaints.push(error.message));
    page.on('request', request => requests.push(request.url()));
    await page.goto(`${pathToFileURL(join(out, 'report.html'))}${hash}`);
    await page.waitForSelector('html[data-ready]');
    return page;
  }
  const where = (page: Page): Promise<string | null> => page.locator('#where').textContent();

  test('the last lines of the run say where it is', () => expect(last.join('\n')).toContain(join(out, 'report.html')));

  test.each(['userspace', 'kernel'])('the connection table of the last step is that of conntrack(8), %s', label => {
    const [run] = reportData(out, { lab: '07', title: '' }, [label]).runs;
    const last = new Map<string, TrackedEntry>();
    for (const record of run!.records.toSorted((a, b) => a.at - b.at))
      for (const entry of record.tracked ?? []) last.set(`${entry.node} ${entry.id}`, entry);
    const text = ({ original, reply }: Pick<TrackedEntry, 'original' | 'reply'>) => `${endsText(original)} ${endsText(reply)}`;
    const told = natEntries(join(out, label)).map(text).sort();
    expect([...last.values()].map(text).sort()).toEqual(told);
    expect(told.length).toBeGreaterThan(8);
    expect([...last.values()].flatMap(e => (e.protocol === 'tcp' ? [e.state] : [])).sort()).toEqual([
      'CLOSE',
      'CLOSE',
      'TIME_WAIT',
      'TIME_WAIT',
    ]);
  });

  test('plays the steps forwards and back, by mouse', async () => {
    const page = await open();
    expect(await where(page)).toMatch(/1\/21\s*client\/eth0/);
    await page.click('#on');
    expect(await where(page)).toMatch(/2\/21\s*upstream\/eth0/);
    await page.click('#back');
    expect(await where(page)).toMatch(/1\/21\s*client\/eth0/);
    await page.click('#last');
    expect(await where(page)).toMatch(/21\/21\s*pod-b\/eth0/);
    await page.click('#steps >> text=node1/flannel.1');
    expect(await where(page)).toMatch(/8\/21\s*node1\/flannel\.1/);
    await page.click('#choices >> text=SYN,ACK');
    expect(await where(page)).toMatch(/^1\/\d+\s*pod-b\/eth0/);
  });

  test('plays the steps forwards and back, by keys, and by itself', async () => {
    const page = await open();
    for (const [key, place] of [
      ['ArrowRight', /^2\/21/],
      ['ArrowRight', /^3\/21/],
      ['ArrowLeft', /^2\/21/],
      ['End', /^21\/21/],
      ['Home', /^1\/21/],
      ['n', /^1\/\d+\s*pod-b\/eth0/],
      ['p', /^1\/21\s*client\/eth0/],
    ] as const) {
      await page.keyboard.press(key);
      expect(await where(page), key).toMatch(place);
    }
    await page.keyboard.press(' ');
    await page
      .locator('#where')
      .filter({ hasText: /^3\/21/ })
      .waitFor();
    await page.keyboard.press(' ');
    expect(await page.locator('#play').textContent()).toBe('play');
  });

  test('shows headers with what changed, rules with their origin, and the connection table, of both data planes', async () => {
    const page = await open({}, '#packet=1&step=8');
    expect(await page.locator('#headers thead').textContent()).toMatch(/userspace\s*kernel/);
    const changed = await page.locator('#headers mark').allTextContents();
    expect(changed.filter(value => value === '10.244.2.2').length).toBe(2);
    expect(await page.locator('#bytes mark').count()).toBeGreaterThan(10);
    for (const column of await page.locator('#rules .column').all()) {
      const rules = await column.textContent();
      expect(rules).toMatch(/-j DNAT --to-destination 10\.244\.2\.2:8080/);
      expect(rules).toContain('from Service default/web field spec.ports[0].nodePort');
    }
    for (const column of await page.locator('#conntrack .column').all())
      expect(await column.textContent()).toMatch(
        /SYN_SENT[\s\S]*203\.0\.113\.9:40001 > 192\.168\.56\.11:30080[\s\S]*10\.244\.2\.2:8080 > 10\.244\.1\.0:/,
      );
  });

  test.each([1280, 390])('fits a screen of %i pixels, light and dark', async width => {
    const backgrounds = new Set<string>();
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await open({ viewport: { width, height: 800 }, colorScheme }, '#packet=1&step=11');
      expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      backgrounds.add(await page.evaluate<string>('getComputedStyle(document.body).backgroundColor'));
      await page.keyboard.press('t');
      backgrounds.add(await page.evaluate<string>('getComputedStyle(document.body).backgroundColor'));
      if (colorScheme === 'light') await context?.close();
    }
    expect(backgrounds.size).toBe(2);
  });

  test('is on paper a table of all steps', async () => {
    const page = await open();
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('#paper tbody tr').count()).toBe(21);
    expect(await page.locator('#paper').isVisible()).toBe(true);
    expect(await page.locator('#player').isVisible()).toBe(false);
  });

  test('complains of nothing and asks nobody', async () => {
    await open();
    expect(complaints).toEqual([]);
    expect(new Set(requests.map(url => new URL(url).protocol))).toEqual(new Set(['file:']));
    expect(requests.every(url => url.includes('/report.html'))).toBe(true);
  });
});
