#include <damo/io/pictures/page_frame.hpp>

namespace damo::io {

const char* const page_head = R"html(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{}</title><style>
:root {{ color-scheme: light dark; --back: #fff; --soft: #f3f4f6; --line: #cfd4dc; --text: #1d2430; --faint: #667085; }}
@media (prefers-color-scheme: dark) {{ :root {{ --back: #14181f; --soft: #1e242e; --line: #3a4352; --text: #e6e9ef; --faint: #98a2b3; }} }}
body {{ font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 64rem; margin: 0 auto; padding: 1.2rem 1.5rem 4rem; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.6rem; margin: 0 0 .2rem; }} h2 {{ font-size: 1.15rem; margin: 2rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line); }}
.faint {{ color: var(--faint); }}
dl {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr)); gap: 0 1.6rem; margin: 0; }}
dl div {{ display: flex; justify-content: space-between; gap: 1rem; border-bottom: 1px solid var(--soft); padding: .15rem 0; }}
dt {{ color: var(--faint); white-space: nowrap; }} dd {{ margin: 0; text-align: right; overflow-wrap: anywhere; }}
.wide {{ grid-column: 1 / -1; }}
figure {{ margin: .6rem 0; }} figcaption {{ color: var(--faint); font-size: .9rem; margin: .2rem 0; }}
.row {{ display: flex; flex-wrap: wrap; gap: 1.2rem; align-items: flex-start; }}
img {{ max-width: 100%; border-radius: 4px; }} input[type=range] {{ width: 16rem; vertical-align: middle; }}
svg {{ width: 100%; max-width: 56rem; height: auto; }} svg text {{ fill: var(--text); font-size: 13px; }}
.scroll {{ overflow-x: auto; }} .scroll svg {{ min-width: 36rem; }} .tunes .scroll svg {{ min-width: 22rem; }}
.tunes {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: .4rem 1.2rem; }}
.tunes figure {{ min-width: 0; }} .tune {{ cursor: pointer; }} svg .notes {{ fill: #0072b2; }} svg .cursor {{ stroke: #d55e00; stroke-width: 2; }}
@media (prefers-color-scheme: dark) {{ svg .notes {{ fill: #56b4e9; }} }}
button {{ font: inherit; padding: .1rem .7rem; border-radius: 5px; border: 1px solid var(--line); background: var(--soft); color: inherit; cursor: pointer; }}
.legend span {{ white-space: nowrap; margin-right: 1rem; }} .legend svg {{ width: 26px; max-width: none; min-width: 0; height: 8px; vertical-align: middle; }}
table {{ border-collapse: collapse; }} td, th {{ padding: .15rem .8rem .15rem 0; text-align: left; border-bottom: 1px solid var(--soft); white-space: nowrap; }}
th button {{ border: 0; background: none; padding: 0; font-weight: 600; }} th[aria-sort=ascending] button::after {{ content: " \25b2"; }} th[aria-sort=descending] button::after {{ content: " \25bc"; }}
svg .grid {{ stroke: var(--line); stroke-width: .6; }} svg .axis {{ stroke: var(--faint); }} svg polyline {{ fill: none; stroke-width: 2; }}
summary {{ cursor: pointer; padding: .4rem 0; }} pre {{ background: var(--soft); border-radius: 6px; padding: .8rem; overflow: auto; font-size: 12.5px; line-height: 1.45; }}
iframe {{ width: 100%; height: 46rem; border: 1px solid var(--line); border-radius: 6px; }}
a {{ color: inherit; }}
</style></head><body{}>
<h1>{}</h1>
)html";

const char* const page_tail = R"html(<script>
'use strict';
window.onerror = message => { document.body.dataset.error = message; };
// Of several pictures the slider's is shown.
document.querySelectorAll('figure[data-several]').forEach(figure => {
  const images = figure.querySelectorAll('img'), slider = figure.querySelector('input'), name = figure.querySelector('output');
  const show = () => { images.forEach((image, i) => { image.hidden = i !== +slider.value; }); name.textContent = images[+slider.value].dataset.name; };
  slider.oninput = show;
  show();
});
// A page within the page is made when it is wanted.
document.querySelectorAll('details[data-page]').forEach(details => {
  details.ontoggle = () => {
    if (!details.open || details.querySelector('iframe')) return;
    const bytes = Uint8Array.from(atob(details.querySelector('script').textContent), c => c.charCodeAt(0));
    const frame = document.createElement('iframe');
    frame.srcdoc = new TextDecoder().decode(bytes);
    frame.title = details.querySelector('summary').textContent;
    details.append(frame);
  };
});
// Music: two soft partials for each note, started a little ahead of the clock.
let player = null;
function sound(context, at, note, out) {
  const [pitch, on, off, velocity] = note, gain = context.createGain(), end = at + Math.max(off - on, .08);
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(.16 * velocity / 127, at + .012);
  gain.gain.exponentialRampToValueAtTime(.05 * velocity / 127 + 1e-4, end);
  gain.gain.linearRampToValueAtTime(0, end + .12);
  gain.connect(out);
  for (const [type, octave, level] of [['triangle', 1, 1], ['sine', 2, .25]]) {
    const partial = context.createOscillator(), part = context.createGain();
    partial.type = type;
    partial.frequency.value = 440 * octave * 2 ** ((pitch - 69) / 12);
    part.gain.value = level;
    partial.connect(part).connect(gain);
    partial.start(at);
    partial.stop(end + .15);
  }
}
function stopTune() {
  if (!player) return;
  clearInterval(player.timer);
  player.context.close();
  player.button.textContent = 'Play';
  player.cursor.setAttribute('visibility', 'hidden');
  player = null;
}
function playTune(figure, from) {
  stopTune();
  const notes = JSON.parse(figure.querySelector('script').textContent).filter(note => note[2] > from);
  const svg = figure.querySelector('svg.tune'), cursor = svg.querySelector('.cursor'), button = figure.querySelector('button');
  const context = new AudioContext(), out = context.createDynamicsCompressor();
  out.connect(context.destination);
  if (context.state === 'suspended') context.resume().catch(() => {});
  const begun = performance.now(), lag = context.currentTime + .08;
  const end = notes.reduce((last, note) => Math.max(last, note[2]), from);
  let next = 0;
  const tick = () => {
    const time = from + (performance.now() - begun) / 1000;
    for (; next < notes.length && notes[next][1] < time + 1; ++next)
      sound(context, lag + Math.max(notes[next][1] - from, 0), notes[next], out);
    const x = +svg.dataset.left + +svg.dataset.second * Math.min(time, end);
    cursor.setAttribute('x1', x);
    cursor.setAttribute('x2', x);
    cursor.setAttribute('visibility', 'visible');
    if (time > end + .5) stopTune();
  };
  player = {context, cursor, button, figure, timer: setInterval(tick, 40)};
  button.textContent = 'Stop';
  tick();
}
document.querySelectorAll('figure[data-tune]').forEach(figure => {
  const svg = figure.querySelector('svg.tune');
  figure.querySelector('button').onclick = () => player && player.figure === figure ? stopTune() : playTune(figure, 0);
  svg.onclick = event => {
    const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    playTune(figure, Math.max((x - svg.dataset.left) / svg.dataset.second, 0));
  };
});
// Tables are sorted by the column whose head is pressed, once more: the other way.
document.querySelectorAll('table[data-sorted]').forEach(table => {
  const heads = [...table.querySelectorAll('th')], body = table.tBodies[0];
  heads.forEach((head, column) => {
    head.querySelector('button').onclick = () => {
      const way = head.getAttribute('aria-sort') === 'ascending' ? -1 : 1;
      const key = row => { const text = row.cells[column].textContent, number = parseFloat(text); return [Number.isNaN(number), number, text]; };
      heads.forEach(other => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', way > 0 ? 'ascending' : 'descending');
      const rows = [...body.rows].map(row => [key(row), row]);
      rows.sort(([a], [b]) => a[0] !== b[0] ? (a[0] ? 1 : -1) : way * (a[0] ? a[2].localeCompare(b[2]) : a[1] - b[1]));
      rows.forEach(([, row]) => body.append(row));
    };
  });
});
// While the run goes on the page is read again, unless somebody is looking into something.
let reread = () => location.reload();
if (document.body.dataset.refresh) {
  const busy = () => player || document.querySelector('details[open]') ||
    [...document.querySelectorAll('audio')].some(audio => !audio.paused) ||
    [...document.querySelectorAll('figure[data-several] input')].some(slider => slider.value !== slider.max);
  setInterval(() => { if (!busy()) reread(); }, 1000 * document.body.dataset.refresh);
}
document.body.dataset.ready = 'yes';
</script></body></html>
)html";

}  // namespace damo::io
