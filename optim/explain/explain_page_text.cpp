#include <damo/optim/explain/explain_page.hpp>

namespace damo::optim {

const char* const explain_page_head = R"html(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A graph's life</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --back: #fff; --soft: #f3f4f6; --line: #cfd4dc; --text: #1d2430; --faint: #667085;
  --old: #b42318; --new: #067647; --oldback: #fee4e2; --newback: #d1fadf; --mark: #175cd3; }
@media (prefers-color-scheme: dark) { :root { --back: #14181f; --soft: #1e242e; --line: #3a4352; --text: #e6e9ef;
  --faint: #98a2b3; --old: #fda29b; --new: #6ce9a6; --oldback: #4a1d1a; --newback: #10402c; --mark: #84adff; } }
* { box-sizing: border-box; }
body { margin: 0; height: 100vh; display: grid; grid-template: auto 1fr / 19rem 1fr; font: 14px/1.45 system-ui, sans-serif;
  background: var(--back); color: var(--text); }
header { grid-column: 1 / 3; display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; padding: .6rem 1rem;
  border-bottom: 1px solid var(--line); }
h1 { font-size: 1.05rem; margin: 0; } h2 { font-size: 1rem; margin: 0 0 .2rem; } h3 { font-size: .85rem; margin: 1rem 0 .3rem; }
.faint { color: var(--faint); } .spacer { flex: 1; }
button, select, input { font: inherit; color: inherit; background: var(--soft); border: 1px solid var(--line);
  border-radius: 6px; padding: .2rem .6rem; }
button { cursor: pointer; } button[aria-pressed=true] { border-color: var(--mark); color: var(--mark); }
button:disabled { opacity: .4; cursor: default; }
nav { border-right: 1px solid var(--line); overflow: auto; display: flex; flex-direction: column; }
nav .filters { position: sticky; top: 0; background: var(--back); padding: .6rem; display: grid; gap: .4rem;
  border-bottom: 1px solid var(--line); }
nav select, nav input { width: 100%; }
#list a { display: block; padding: .25rem .8rem; color: inherit; text-decoration: none; border-left: 3px solid transparent; }
#list a:hover { background: var(--soft); } #list a.now { background: var(--soft); border-color: var(--mark); }
#list .pass { padding: .5rem .8rem .1rem; font-size: .75rem; color: var(--faint); text-transform: uppercase; letter-spacing: .04em; }
main { overflow: auto; padding: 1rem 1.4rem; }
code, pre, .text { font: 12.5px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
pre, .text { background: var(--soft); border-radius: 6px; padding: .6rem .8rem; margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
.tag { display: inline-block; background: var(--soft); border-radius: 9px; padding: 0 .5rem; margin-right: .3rem; font-size: .8rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 1rem; margin-top: .8rem; }
.old { border-left: 3px solid var(--old); } .new { border-left: 3px solid var(--new); }
svg { width: 100%; height: auto; background: var(--soft); border-radius: 6px; margin-top: .4rem; }
svg text { font: 12px ui-monospace, monospace; fill: var(--text); } svg path { stroke: var(--faint); fill: none; }
svg rect { fill: var(--back); stroke: var(--line); }
svg .gone rect { fill: var(--oldback); stroke: var(--old); } svg .fresh rect { fill: var(--newback); stroke: var(--new); }
#graph div { white-space: pre; } #graph { white-space: normal; overflow: auto; }
#graph .fresh { background: var(--newback); } #graph .lit { outline: 1px solid var(--mark); }
#graph i { font-style: normal; color: var(--mark); } #graph .note { color: var(--faint); }
</style></head><body>
<header><h1 id="title"></h1><span id="summary" class="faint"></span><span class="spacer"></span>
<button id="asked">As asked</button><select id="passes" aria-label="After a pass"></select><button id="result">As it runs</button>
<button id="back" title="left arrow">&#9664; back</button><span id="position"></span><button id="next" title="right arrow">next &#9654;</button>
</header>
<nav><div class="filters"><select id="rules" aria-label="Rule"></select>
<input id="words" placeholder="tag, pass, loop, file, text" aria-label="Filter"></div><div id="list"></div></nav>
<main id="main"></main>
<script type="application/json" id="data">)html";

const char* const explain_page_tail = R"html(</script>
<script>
'use strict';
window.onerror = message => { document.body.dataset.error = message; };
const $ = id => document.getElementById(id);
const data = JSON.parse($('data').textContent), T = data.texts, N = data.nodes, steps = data.steps;
function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v);
  e.append(...children);
  return e;
}
const number = ref => Array.isArray(ref) ? ref[0] : ref;
const refText = ref => Array.isArray(ref) ? `%${ref[0]}.${ref[1]}` : ref < 0 ? '...' : `%${ref}`;
const label = n => T[n.o] + (T[n.p] ? `{${T[n.p]}}` : '');
const plural = (n, word) => `${n} ${word}${n === 1 ? '' : 's'}`;

// What `root` needs, nearest first, down to a number of nodes.
function cone(root, most) {
  const seen = new Set([root]), queue = [root];
  for (let q = 0; q < queue.length; ++q)
    for (const ref of N[queue[q]].i) {
      const i = number(ref);
      if (i >= 0 && seen.size < most && !seen.has(i)) { seen.add(i); queue.push(i); }
    }
  return seen;
}

// Equal numbers for nodes that compute the same: passes build nodes anew.
const classes = new Map(), same = [];
N.forEach((v, n) => {
  const of = refs => refs.map(r => number(r) < 0 ? '?' + n : `${same[number(r)]}.${Array.isArray(r) ? r[1] : 0}`).join();
  const key = [v.o, v.p, v.k, v.t, of(v.i), v.b ? of(v.b.out) : '', T[v.k] === 'shared' ? n : ''].join('|');
  if (!classes.has(key)) classes.set(key, classes.size);
  same.push(classes.get(key));
});
const classesOf = nodes => new Set([...nodes].map(n => same[n]));

// What is drawn of a side: its own nodes and, around them, what they take from what both sides have.
function own(root, other) {
  const seen = new Set([root]), queue = [root];
  for (let q = 0; q < queue.length; ++q) {
    if (q && other.has(same[queue[q]])) continue;
    for (const ref of N[queue[q]].i) {
      const i = number(ref);
      if (i >= 0 && seen.size < 24 && !seen.has(i)) { seen.add(i); queue.push(i); }
    }
  }
  return seen;
}

// A drawing in layers, operands above what is computed from them.
function draw(ref, other, kind) {
  const nodes = [...own(number(ref), other)].sort((a, b) => b - a), inside = new Set(nodes), layer = {}, layers = [];
  for (const n of nodes) layer[n] = 0;
  for (const n of nodes) for (const r of N[n].i) if (inside.has(number(r))) layer[number(r)] = Math.max(layer[number(r)], layer[n] + 1);
  for (const n of nodes) (layers[layer[n]] = layers[layer[n]] || []).push(n);
  const width = n => Math.min(34, label(N[n]).length) * 7.3 + 18, place = {}, gap = 14, step = 54;
  const wide = Math.max(...layers.map(l => l.reduce((w, n) => w + width(n) + gap, -gap)), 120);
  layers.forEach((l, depth) => {
    const wish = n => { const users = nodes.filter(u => N[u].i.some(r => number(r) === n) && place[u]);
      return users.length ? users.reduce((s, u) => s + place[u].x, 0) / users.length : 0; };
    if (depth) l.sort((a, b) => wish(a) - wish(b));
    let x = (wide - l.reduce((w, n) => w + width(n) + gap, -gap)) / 2;
    for (const n of l) { place[n] = {x: x + width(n) / 2, y: (layers.length - 1 - depth) * step + 20}; x += width(n) + gap; }
  });
  const ns = 'http://www.w3.org/2000/svg', svg = document.createElementNS(ns, 'svg');
  const add = (parent, tag, attributes, text) => { const e = document.createElementNS(ns, tag);
    for (const k in attributes) e.setAttribute(k, attributes[k]);
    if (text !== undefined) e.textContent = text;
    parent.append(e); return e; };
  const height = layers.length * step + 6;
  svg.setAttribute('viewBox', `-8 -4 ${wide + 16} ${height}`);
  svg.style.maxWidth = `${(wide + 16) * 1.15}px`;
  for (const n of nodes) N[n].i.forEach(r => { const a = place[number(r)], b = place[n];
    if (a) add(svg, 'path', {d: `M${a.x} ${a.y + 13} C${a.x} ${a.y + 30} ${b.x} ${b.y - 30} ${b.x} ${b.y - 13}`}); });
  for (const n of nodes) { const p = place[n], w = width(n), g = add(svg, 'g', {class: other.has(same[n]) || T[N[n].k] ? '' : kind});
    add(g, 'rect', {x: p.x - w / 2, y: p.y - 13, width: w, height: 26, rx: 6});
    const text = label(N[n]), cut = N[n].i.some(r => !inside.has(number(r))) ? ' ...' : '';
    add(g, 'text', {x: p.x, y: p.y + 4, 'text-anchor': 'middle'}, text.length > 34 ? text.slice(0, 33) + '\u2026' : text);
    add(g, 'title', {}, `%${n} ${label(N[n])}${cut}: ${N[n].t.map(t => T[t]).join(', ')} ${T[N[n].n]}\n${T[N[n].l]}`); }
  return svg;
}

function reachable(graph) {
  const seen = new Set(), stack = [...graph.in, ...graph.out, ...graph.updates.flat()].map(r => number(r));
  while (stack.length) { const n = stack.pop();
    if (n < 0 || seen.has(n)) continue;
    seen.add(n); N[n].i.forEach(r => stack.push(number(r))); }
  return [...seen].sort((a, b) => a - b);
}
function everything(graph, into = new Set()) {
  for (const n of reachable(graph)) { into.add(n); if (N[n].b) everything({...N[n].b, updates: []}, into); }
  return into;
}
// A node a line, bodies of loops indented; nodes that `before` lacks are marked.
function listing(graph, before) {
  const box = el('div', {id: 'graph', class: 'text'});
  const line = (depth, n, ...parts) => { const e = el('div', {}, '  '.repeat(depth), ...parts);
    if (n !== null) { e.dataset.node = n; if (before && !before.has(same[n]) && !T[N[n].k]) e.className = 'fresh'; }
    box.append(e); };
  const refs = list => list.flatMap((r, i) => [i ? ', ' : '', Object.assign(el('i', {}, refText(r)), {ref: number(r)})]);
  const block = (g, depth) => {
    for (const n of reachable(g)) { const v = N[n], leaf = T[v.k];
      line(depth, n, `%${n} = `, leaf ? `${leaf} ${T[v.o]}` : label(v), ...(leaf ? [] : ['(', ...refs(v.i), ')']), ' : ' + v.t.map(t => T[t]).join(', '),
        el('span', {class: 'note'}, `${!leaf && T[v.n] ? ` '${T[v.n]}'` : ''}${T[v.l] ? '  ' + T[v.l] : ''}`));
      if (v.b) { block({...v.b, updates: []}, depth + 2); } }
    line(depth, null, 'outputs ', ...refs(g.out));
    for (const [target, value] of g.updates) line(depth, null, 'update ', ...refs([target]), ' = ', ...refs([value]));
  };
  block(graph, 0);
  box.onmouseover = e => { box.querySelectorAll('.lit').forEach(x => x.classList.remove('lit'));
    if (e.target.ref !== undefined) box.querySelectorAll(`[data-node="${e.target.ref}"]`).forEach(x => x.classList.add('lit')); };
  return box;
}

let view = 'step', at = 0, shown = steps.map((s, i) => i);
function showGraph(title, note, graph, before) {
  $('main').replaceChildren(el('h2', {}, title), el('p', {class: 'faint'}, note), graph ? listing(graph, before) : 'not recorded');
}
function showStep() {
  if (!steps.length) { $('main').replaceChildren(el('p', {}, 'No rule was applied.')); return; }
  const s = steps[at], side = (name, text, ref, other, kind, ops) => el('section', {},
    el('h3', {}, name), el('div', {class: `text ${kind === 'gone' ? 'old' : 'new'}`, id: kind}, T[text]), draw(ref, classesOf(cone(number(other), 300)), kind),
    el('p', {class: 'faint'}, T[ops] ? `${kind === 'gone' ? 'no longer needed here' : 'new'}: ${T[ops]}` : ''));
  const both = number(s.before) >= 0 && number(s.after) >= 0;
  $('main').replaceChildren(el('h2', {}, T[s.rule]), el('p', {class: 'faint'}, `step ${at + 1} of ${steps.length}, pass ${T[s.pass]}`
    + (T[s.loop] ? `, in ${T[s.loop]}` : '') + `, made at ${T[s.site]}`), el('div', {}, ...s.tags.map(t => el('span', {class: 'tag'}, T[t]))),
    T[s.equation] ? el('h3', {}, 'Rule') : '', T[s.equation] ? el('pre', {id: 'equation'}, T[s.equation]) : '',
    both ? el('div', {class: 'pair'}, side('Matched', s.matched, s.before, s.after, 'gone', s.gone),
      side('In its place', s.replaced, s.after, s.before, 'fresh', s.new)) : '');
}
function passGraph(i) { for (; i >= 0; --i) if (data.passes[i].graph) return data.passes[i].graph; return data.asked; }
function show() {
  if (view === 'asked') showGraph('The graph as it was asked for', plural(everything(data.asked).size, 'node'), data.asked);
  else if (view === 'result') showGraph('The graph as it runs', plural(everything(data.result).size, 'node') + '; marked: not in the graph as asked',
    data.result, classesOf(everything(data.asked)));
  else if (view === 'pass') { const p = data.passes[at];
    showGraph(`After ${T[p.name]}`, `${plural(p.applied, 'rule')} applied, ${plural(p.nodes, 'node')}; marked: new in this pass`, p.graph,
      classesOf(everything(passGraph(at - 1)))); }
  else showStep();
  for (const a of $('list').querySelectorAll('a')) a.classList.toggle('now', view === 'step' && +a.dataset.step === at);
  const now = $('list').querySelector('.now');
  if (now) now.scrollIntoView({block: 'nearest'});
  for (const id of ['asked', 'result']) $(id).setAttribute('aria-pressed', view === id);
  $('passes').value = view === 'pass' ? at : '';
  const k = view === 'step' ? shown.indexOf(at) : -1;
  $('position').textContent = shown.length ? `${k < 0 ? '\u2013' : k + 1} / ${shown.length}` : 'none';
  $('back').disabled = view === 'step' && k <= 0; $('next').disabled = view === 'step' && k === shown.length - 1 || !shown.length;
  document.body.dataset.view = view; document.body.dataset.at = at;
  // Within another page there is no address to keep the place in.
  if (location.protocol !== 'about:') history.replaceState(null, '', view === 'step' || view === 'pass' ? `#${view}=${at}` : `#${view}`);
}
function go(v, i = 0) { view = v; at = i; $('main').scrollTop = 0; show(); }
function move(by) {
  if (!shown.length) return;
  const k = view === 'step' ? shown.indexOf(at) + by : 0;
  go('step', shown[Math.max(0, Math.min(shown.length - 1, k))]);
}
function filter() {
  const rule = $('rules').value, words = $('words').value.toLowerCase().split(' ').filter(w => w);
  shown = steps.map((s, i) => i).filter(i => { const s = steps[i];
    const text = [s.rule, s.pass, s.loop, s.site, s.matched, ...s.tags].map(t => T[t]).join(' ').toLowerCase();
    return (!rule || T[s.rule] === rule) && words.every(w => text.includes(w)); });
  let pass = -1;
  $('list').replaceChildren(...shown.flatMap(i => { const s = steps[i], items = [];
    if (s.pass !== pass) items.push(el('div', {class: 'pass'}, T[s.pass]));
    pass = s.pass;
    const a = el('a', {href: `#step=${i}`, 'data-step': i}, T[s.rule], el('span', {class: 'faint'}, ` ${T[s.loop] ? 'in ' + T[s.loop] + ' ' : ''}${T[s.site]}`));
    a.onclick = e => { e.preventDefault(); go('step', i); };
    return [...items, a]; }));
  if (view === 'step' && shown.length && !shown.includes(at)) at = shown[0];
  show();
}
$('title').textContent = data.name ? `The life of '${data.name}'` : "A graph's life";
$('summary').textContent = `${plural(steps.length, 'rule')} applied; from ${everything(data.asked).size} to ${plural(everything(data.result).size, 'node')}`;
const counts = new Map();
for (const s of steps) counts.set(T[s.rule], (counts.get(T[s.rule]) || 0) + 1);
$('rules').append(el('option', {value: ''}, `all rules (${steps.length})`),
  ...[...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([r, n]) => el('option', {value: r}, `${r} (${n})`)));
$('passes').append(el('option', {value: '', disabled: ''}, 'After a pass'), ...data.passes.map((p, i) => el('option', {value: i}, `after ${T[p.name]}`)));
$('rules').onchange = filter; $('words').oninput = filter;
$('asked').onclick = () => go('asked'); $('result').onclick = () => go('result'); $('passes').onchange = e => go('pass', +e.target.value);
$('back').onclick = () => move(-1); $('next').onclick = () => move(1);
window.onkeydown = e => { if (e.target.tagName === 'INPUT' || e.target.tagName === 'SELECT') return;
  if (e.key === 'ArrowRight') move(1);
  if (e.key === 'ArrowLeft') move(-1); };
function start() {
  const [v, i] = location.hash.slice(1).split('='), k = +i || 0;
  if (v === 'asked' || v === 'result') view = v;
  else if (v === 'step' && k < steps.length || v === 'pass' && k < data.passes.length) { view = v; at = k; }
  else if (!steps.length) view = 'result';
  filter();
}
window.onhashchange = start;
start();
document.body.dataset.ready = 'yes';
</script></body></html>
)html";

}  // namespace damo::optim
