/** One file that needs nothing else: markup, style, script and data. */
import { readFileSync } from 'node:fs';
import { joinModules } from './modules.ts';
import type { ReportData } from './report-data.ts';

/** Each after those that it imports. */
const MODULES = [
  'model/headers.ts',
  'model/steps.ts',
  'model/changes.ts',
  'model/table.ts',
  'model/drawing.ts',
  'page/element.ts',
  'page/picture.ts',
  'page/packets.ts',
  'page/headers-view.ts',
  'page/rules-view.ts',
  'page/conntrack-view.ts',
  'page/paper.ts',
  'page/player.ts',
  'page/main.ts',
].map(path => `./${path}`);

const file = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

/** The policy says to the browser what holds anyway: nothing is fetched from anywhere. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

export const reportHtml = (data: ReportData): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${escaped(`${data.lab} ${data.title}`)}</title>
<style>
${file('./page/page.css')}</style>
</head>
${file('./page/page.html')}<script type="application/json" id="data">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>
<script type="module">
${joinModules(MODULES)}</script>
</html>
`;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
