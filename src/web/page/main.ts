/** The page comes up: data, choice of a packet, its steps, and the sight at each. */
import { sightAt } from '../model/changes.ts';
import { endsOf, envelopeOf, type Step, stepsOf, travelsOf } from '../model/steps.ts';
import type { ReportData, ReportRecord } from '../report-data.ts';
import { conntrackView } from './conntrack-view.ts';
import { byId, el } from './element.ts';
import { bytesView, headersTable } from './headers-view.ts';
import { PacketChoice } from './packets.ts';
import { paperView } from './paper.ts';
import { Picture } from './picture.ts';
import { Player } from './player.ts';
import { rulesView, wordsView } from './rules-view.ts';

const data = JSON.parse(byId('data').textContent) as ReportData;
const labels = data.runs.map(run => run.label);
const travels = travelsOf(data.runs);
const inTime = data.runs.map(run => [...run.records].sort((a, b) => a.at - b.at));
const nodes = new Set(data.places.filter(place => place.role === 'node').map(place => place.name));

let travel = 0;
let steps: Step[] = [];

const picture = new Picture(data.places);
const player = new Player(showStep);
const choice = new PacketChoice(travels, at => showTravel(at));

function showTravel(at: number, step = 0): void {
  travel = Math.max(0, Math.min(at, travels.length - 1));
  steps = stepsOf(travels[travel]!);
  choice.show(travel);
  player.load(travels[travel]!, steps, step);
  byId('paper').replaceChildren(paperView(travels[travel]!, steps, labels));
}

function showStep(at: number): void {
  const { ways } = travels[travel]!;
  const step = steps[at]!;
  picture.show(
    steps.map(s => s.hop),
    at,
  );
  const records = step.at.map((place, r) => ways[r]![place]);
  const sights = step.at.map((place, r) => (place < 0 ? undefined : sightAt(ways[r]!, place)));
  const first = records.find(record => record !== undefined)!;
  const envelope = envelopeOf(first);
  byId('where').replaceChildren(
    el('span', { class: 'count' }, `${at + 1}/${steps.length}`),
    el('span', {}, step.hop),
    el('code', {}, endsOf(first)),
    ...(envelope === undefined ? [] : [el('code', { class: 'envelope' }, `in ${envelope}`)]),
  );
  const present = records.flatMap((record, r) => (record === undefined ? [] : [r]));
  byId('headers').replaceChildren(
    headersTable(
      present.map(r => sights[r]),
      present.map(r => labels[r]!),
    ),
  );
  each('did', records, r => wordsView(ways[r]!, step.at[r]!));
  byId('did').append(...records.flatMap((record, r) => (record === undefined ? [absent(r)] : [])));
  each('bytes', records, r => bytesView(sights[r]!));
  each('rules', records, r => rulesView(ways[r]!, step.at[r]!, data.runs[r]!.header.rulesUntold));
  const node = step.hop.split('/')[0]!;
  each('conntrack', records, (r, record) =>
    nodes.has(node)
      ? conntrackView(inTime[r]!, node, record, data.runs[r]!.conntrack[node] ?? '')
      : el('p', { class: 'none' }, `${step.hop} is no node: nothing is tracked here`),
  );
  history.replaceState(null, '', `#packet=${travel + 1}&step=${at + 1}`);
}

/** A column for each run that saw the packet here. */
function each(id: string, records: readonly (ReportRecord | undefined)[], view: (run: number, record: ReportRecord) => HTMLElement): void {
  const columns = records.flatMap((record, r) => (record === undefined ? [] : [column(labels[r]!, view(r, record))]));
  byId(id).replaceChildren(...columns);
}

const column = (label: string, content: HTMLElement): HTMLElement => el('div', { class: 'column' }, el('h4', {}, label), content);

function absent(run: number): HTMLElement {
  const text =
    travels[travel]!.ways[run]!.length === 0
      ? 'has no such packet'
      : 'sees it at interfaces only: what its rules did is told at the next one';
  return column(labels[run]!, el('p', { class: 'none' }, text));
}

const keys: Record<string, () => void> = {
  ArrowRight: () => player.to(player.at + 1),
  ArrowLeft: () => player.to(player.at - 1),
  Home: () => player.to(0),
  End: () => player.to(player.last),
  ' ': () => player.toggle(),
  n: () => showTravel(travel + 1),
  p: () => showTravel(travel - 1),
  t: changeTheme,
};

document.addEventListener('keydown', event => {
  const act = keys[event.key];
  const target = event.target as Element;
  if (act === undefined || event.ctrlKey || event.metaKey || event.altKey || target.closest('select, input') !== null) return;
  if (event.key === ' ' && target.closest('button, summary') !== null) return;
  event.preventDefault();
  act();
});

/** Over what the system wants. */
function changeTheme(): void {
  const root = document.documentElement;
  const dark = root.dataset.theme === undefined ? matchMedia('(prefers-color-scheme: dark)').matches : root.dataset.theme === 'dark';
  root.dataset.theme = dark ? 'light' : 'dark';
}

byId('theme').addEventListener('click', changeTheme);
byId('title').textContent = `${data.lab} ${data.title}`;
const left = data.runs.some(run => run.leftOut > 0)
  ? ` The page has the first packets; ${data.runs.map(r => r.leftOut).join(' and ')} more are in journey.jsonl.`
  : '';
byId('verdict').textContent = `${data.verdict?.text ?? `on ${labels.join(' and ')}`}${left}`;
byId('verdict').className = data.verdict === undefined ? '' : data.verdict.same ? 'same' : 'different';
byId('picture').append(picture.element);
if (travels.length > 0) {
  const asked = new URLSearchParams(location.hash.slice(1));
  showTravel(Number(asked.get('packet') ?? 1) - 1, Math.max(0, Number(asked.get('step') ?? 1) - 1));
}
document.documentElement.dataset.ready = 'yes';
