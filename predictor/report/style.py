"""Style: the page's one style sheet; light and dark, from a telephone to a wide screen, and on paper."""

CSS = (
    """
:root{color-scheme:light dark;--paper:#fbfaf7;--card:#fff;--ink:#1d1c1a;--soft:#66625a;--rule:#e3dfd5;--grid:#ece8df;
--accent:#0b6b5d;--tint:#e8f2ef;--null:#b8b09f;--bad:#a33a2a;--badtint:#fbeeea;--warn:#7a5a00;--warntint:#fbf4df;
--c0:#0b6b5d;--c1:#c2571a;--c2:#3d62b8;--c3:#a13d7d;--c4:#7d7a12;--c5:#2b8fb0;--c6:#8a5a3c;--c7:#6b55b8}
@media(prefers-color-scheme:dark){:root{--paper:#14161a;--card:#1a1d22;--ink:#ebe8e1;--soft:#a3a097;--rule:#30343b;
--grid:#272b31;--accent:#63cbb6;--tint:#1a2b29;--null:#6d6a62;--bad:#f0917f;--badtint:#2d1d1b;--warn:#e3c168;
--warntint:#2a2516;--c0:#63cbb6;--c1:#f0995e;--c2:#8aa9f0;--c3:#e08cc2;--c4:#cdca63;--c5:#74c8e4;--c6:#c99c7d;
--c7:#b09df2}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 ui-sans-serif,system-ui,-apple-system,"Segoe UI",
Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1120px;margin:0 auto;padding:56px 32px 72px}
.eyebrow{margin:0 0 12px;font-size:13px;font-weight:600;letter-spacing:.06em;text-transform:uppercase;
color:var(--accent)}
h1{margin:0;max-width:24em;font-size:clamp(24px,3.4vw,36px);line-height:1.2;letter-spacing:-.015em;font-weight:650;
text-wrap:balance;overflow-wrap:anywhere}
h1.long{max-width:32em;font-size:clamp(20px,2.5vw,27px);line-height:1.3}
h2{margin:0 0 16px;font-size:20px;letter-spacing:-.01em;font-weight:650}
h3{margin:24px 0 6px;font-size:15px}
section{margin-top:56px}
.lead{margin:-8px 0 20px;max-width:46em;color:var(--soft)}
.lead.after{margin:12px 0 0;font-size:14px}
dl,dd,ul,figure{margin:0;padding:0}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:18px 32px;margin-top:32px;
padding-top:20px;border-top:1px solid var(--rule)}
.facts dt,.versions dt{font-size:13px;color:var(--soft)}
.facts dd{font-weight:600;overflow-wrap:anywhere}
.facts small{display:block;font-weight:400;font-size:13px;color:var(--soft)}
.summary{max-width:52em;margin-bottom:20px}.summary p{margin:0 0 8px}
.notes{list-style:none;margin-top:24px;display:grid;gap:8px}
.notes li{padding:10px 14px;border-radius:8px;background:var(--warntint);color:var(--warn);overflow-wrap:anywhere}
.scroll{overflow-x:auto;border-radius:12px;background:var(--card);border:1px solid var(--rule)}
.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
table{width:100%;border-collapse:separate;border-spacing:0;font-size:15px}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{padding:11px 16px;text-align:right;vertical-align:top;white-space:nowrap}
thead th{font-size:13px;font-weight:600;color:var(--soft);border-bottom:1px solid var(--rule);vertical-align:bottom}
thead small,td small,tbody th small{display:block;font-weight:400;font-size:13px;color:var(--soft)}
tbody tr+tr>*{border-top:1px solid var(--grid)}
th:first-child{text-align:left}
tbody th{font-weight:600;white-space:normal;overflow-wrap:break-word;word-break:break-word;min-width:12em}
.ranking th:first-child{width:40%}
.ranking th,.ranking td{padding-left:12px;padding-right:12px}
.who{display:flex;gap:12px;align-items:baseline}
.place{flex:none;min-width:1.7em;padding:0 .45em;border-radius:99px;text-align:center;font-size:13px;line-height:1.7;
background:var(--grid);color:var(--soft)}
.place.tied{background:var(--accent);color:var(--card)}
.meter{display:inline-block;vertical-align:middle;width:64px;margin-left:10px}
.track{fill:var(--grid)}.fill{fill:var(--accent)}
.plots{display:grid;grid-template-columns:1fr 1fr;gap:24px}
.plot,.chart,.keys,.panel{background:var(--card);border:1px solid var(--rule);border-radius:12px;padding:20px 22px}
figcaption{margin-bottom:12px;line-height:1.35}
figcaption strong{display:block}
figcaption span{font-size:13px;color:var(--soft)}
.row{display:grid;grid-template-columns:minmax(0,9.5em) minmax(0,1fr) 3.9em;gap:0 12px;align-items:center}
.row svg{display:block;overflow:visible}
.row .name{font-size:14px;line-height:1.25;overflow:hidden;display:-webkit-box;-webkit-box-orient:vertical;
-webkit-line-clamp:2;overflow-wrap:anywhere}
.row .value{font-size:14px;text-align:right;white-space:nowrap}
.row.best .name,.row.best .value{font-weight:650}
svg text{fill:var(--soft);font-size:12px}
.grid{stroke:var(--grid)}.zero{stroke:var(--soft);stroke-dasharray:2 3}
.null{fill:var(--null);opacity:.28}
.whisker{stroke:var(--soft);stroke-width:2.5;stroke-linecap:round}
circle{fill:var(--soft);stroke:var(--card);stroke-width:2}
.truth{stroke:var(--ink);stroke-width:3;stroke-linecap:round}
.best .whisker{stroke:var(--accent)}.best circle{fill:var(--accent)}
.spectra{display:grid;grid-template-columns:1.25fr 1fr;gap:24px;align-items:start}
.curve{fill:none;stroke-width:2;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.curve.student{stroke-width:3.5}
.keys{list-style:none;display:grid;gap:14px}
.keys li{display:grid;grid-template-columns:22px minmax(0,1fr);gap:0 10px;align-items:center}
.keys .name{font-size:14px;font-weight:600;overflow-wrap:anywhere;line-height:1.3}
.keys .note{grid-column:2;font-size:13px;color:var(--soft)}
.keys .overlap{grid-column:2;margin-top:4px;display:block}
.swatch{width:22px;height:0;border-top:3px solid var(--null)}
.swatch.student{border-top-width:4px}
.swatch.none{border-top-style:dotted}
.student{stroke:var(--ink);border-color:var(--ink)}
.rest{stroke:var(--null);fill:var(--null)}
"""
    + "".join(f".c{i}{{stroke:var(--c{i});fill:var(--c{i});border-color:var(--c{i})}}" for i in range(8))
    + """
.overlap rect{stroke:none}
polyline.curve{fill:none}
.estimates td.top,.estimates b{color:var(--accent);font-weight:650}
:is(.estimates,.measured) th:first-child{position:sticky;left:0;background:var(--card);padding-left:16px}
.estimates thead th{white-space:normal;min-width:6.6em}
.estimates th,.estimates td{padding-left:10px;padding-right:10px}
.measured{font-size:14px}
.measured thead th{white-space:normal;min-width:4.2em}
.measured tbody th{min-width:9.5em}
.measured :is(th,td):not(:first-child){padding-left:6px;padding-right:6px}
.measured :is(th,td):last-child{padding-right:14px}
.words{display:grid;gap:16px}
.words dt{font-weight:600}.words dd{max-width:52em;color:var(--ink)}
.words small{display:block;font-size:13px;color:var(--soft)}
.decision{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:10px 24px}
.decision div{display:contents}
.decision dt{font-weight:600;color:var(--soft)}
.decision dd{overflow-wrap:anywhere;max-width:52em}
.decision strong{color:var(--accent)}
.copy{margin-top:16px;user-select:all;-webkit-user-select:all;cursor:copy}
.failed{list-style:none;display:grid;gap:10px}
.failed li{padding:14px 18px;border-radius:12px;background:var(--badtint);overflow-wrap:anywhere}
.failed strong{color:var(--bad)}
.failed small{display:block;color:var(--soft)}
pre{margin:0;padding:18px 20px;border-radius:12px;background:var(--card);border:1px solid var(--rule);overflow-x:auto;
font:13.5px/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;white-space:pre-wrap;
overflow-wrap:anywhere}
code{font:.92em ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;overflow-wrap:anywhere}
.versions{display:flex;flex-wrap:wrap;gap:10px 28px;margin-top:18px}
.versions dd{overflow-wrap:anywhere}
@media(min-width:641px){.compared .row{grid-template-columns:minmax(0,9.5em) minmax(0,1fr) 6.6em}}
@media(max-width:860px){.plots,.spectra{grid-template-columns:minmax(0,1fr)}}
@media(max-width:640px){
main{padding:32px 16px 48px}section{margin-top:40px}
.facts{grid-template-columns:1fr 1fr;gap:14px 16px}
.decision{grid-template-columns:minmax(0,1fr);gap:2px}.decision dd{margin-bottom:10px}
.plot,.chart,.keys,.panel{padding:16px}
.row{grid-template-columns:minmax(0,1fr) auto;gap:0 10px}
.row .name{-webkit-line-clamp:3}
.row svg{grid-column:1/-1;grid-row:2}
.row:not(.axis):not(.head){padding-top:8px}
.row.axis span,.row.head span{display:none}
.ranking,.ranking tbody,.ranking tr,.ranking th,.ranking td{display:block}
.ranking thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.ranking tr{padding:14px 16px}
.ranking tbody tr+tr>*{border-top:0}
.ranking tr+tr{border-top:1px solid var(--rule)}
.ranking tbody th{padding:0 0 6px}
.ranking td{display:flex;justify-content:space-between;gap:16px;padding:3px 0;white-space:normal}
.ranking td::before{content:attr(data-label);color:var(--soft);font-size:14px}
.ranking td small{display:inline;margin-left:8px}
.ranking th:first-child{width:auto}
:is(.estimates,.measured) th:first-child{min-width:8em;max-width:40vw}
}
@media print{:root{--paper:#fff}main{max-width:none;padding:0}section{margin-top:28px}
h2,h3,.lead{break-after:avoid}.lead,.panel>*,figure,pre,li,tr{break-inside:avoid}
.scroll{overflow:visible;border:0}table{font-size:11px}
main .scroll th,main .scroll td{position:static;min-width:0;padding:4px 5px;white-space:normal;overflow-wrap:anywhere;
word-break:normal}
main .ranking th,main .ranking td{overflow-wrap:normal;word-break:normal}main .ranking th:first-child{width:26%}
.meter{display:none}
main .scroll tbody th{min-width:7em}main .scroll thead th,main .scroll small{font-size:9px}
.estimates,.estimates thead,.estimates tbody{display:block}
.estimates tr{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.5em,1fr));break-inside:avoid}
.estimates tbody tr{border-top:1px solid var(--rule)}
main .estimates tr>*{text-align:left;border:0}
.estimates tbody th{grid-column:1/-1}
.estimates thead th:first-child{display:none}
.estimates td::before{content:attr(data-label);display:block;color:var(--soft);font-size:9px}}
"""
)
