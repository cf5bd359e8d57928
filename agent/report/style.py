"""The one style sheet of a report, and the policy under which a browser opens it.

Colours are those of the screen's light and dark themes. Each text has a contrast of at least 4.5
to what it stands on; a test holds that over PALETTES.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "text": "#2b2f36",
    "quiet": "#5a5f69",
    "page": "#fbfaf7",
    "raised": "#f2f0eb",
    "line": "#cfccc3",
    "link": "#2a5db0",
    "good": "#2a7035",
    "bad": "#b3302f",
    "warm": "#855807",
    "added": "#dcefdc",
    "removed": "#f6dedd",
    "new": "#2a5db0",
    "cached": "#8aa5cf",
    "written": "#7a3fb0",
}
DARK: Mapping[str, str] = {
    "text": "#d5d9e0",
    "quiet": "#9aa1ae",
    "page": "#14161b",
    "raised": "#1b1e25",
    "line": "#343a46",
    "link": "#7aa2f7",
    "good": "#7ec384",
    "bad": "#e8807f",
    "warm": "#e5b567",
    "added": "#1d3326",
    "removed": "#3a2226",
    "new": "#7aa2f7",
    "cached": "#47598a",
    "written": "#c099ff",
}
TEXTS = ("text", "quiet", "link", "good", "bad", "warm")
GROUNDS = ("page", "raised")


def _set(colours: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


_RULES = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0 auto;padding:1rem;max-width:62rem;background:var(--page);color:var(--text);
font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem;line-height:1.3;margin:.2rem 0 .8rem}
h2{font-size:1.2rem;margin:2.2rem 0 .6rem;padding-top:.8rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.6rem 0 .5rem}
h4{font-size:1rem;margin:1.2rem 0 .4rem}
p,ul,ol,dl,figure,pre,table{margin:.5rem 0}
a{color:var(--link)}
a:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:3px solid var(--link);
outline-offset:2px}
.skip{position:absolute;left:-100vw;background:var(--page);padding:.5rem}
.skip:focus{left:1rem;top:.5rem;z-index:1}
.quiet{color:var(--quiet)}
.good{color:var(--good)}
.bad{color:var(--bad)}
.warm{color:var(--warm)}
.said,pre,code,td,th,dd{unicode-bidi:isolate}
.said{white-space:pre-wrap}
pre,code{font:.86rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{background:var(--raised);border:1px solid var(--line);border-radius:.3rem;padding:.6rem;
max-height:32rem;overflow:auto;overflow-wrap:normal}
pre code{display:block;width:max-content;min-width:100%}
pre span{display:block}
.added{background:var(--added)}
.removed{background:var(--removed)}
.hunk{color:var(--quiet)}
.outcome{font-size:1.15rem;font-weight:600;margin:.4rem 0}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem}
dl.facts dt{color:var(--quiet)}
dl.facts dd{margin:0;min-width:0}
dl.facts dd>*{margin-block:0}
dl.facts ul{list-style:none;padding:0}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--quiet);padding:.2rem 0}
th,td{text-align:left;vertical-align:top;padding:.25rem .8rem .25rem 0;
border-bottom:1px solid var(--line);overflow-wrap:break-word}
th{font-weight:600}
.many table{min-width:38rem}
td.number,th.number{text-align:right;white-space:nowrap}
summary{cursor:pointer;padding:.15rem 0}
details>:not(summary){margin-left:1rem}
ol.timeline{list-style:none;padding:0}
ol.timeline>li{padding:.3rem 0;border-top:1px solid var(--line)}
ol.timeline>li.within{padding-left:1rem;border-left:.25rem solid var(--line)}
.at{color:var(--quiet);float:right;margin-left:.8rem;font-variant-numeric:tabular-nums;
font-size:.86rem}
nav ul,ul.plain,ul.legend{list-style:none;padding:0}
nav ul,ul.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem}
nav a{display:inline-block;padding:.2rem 0}
svg.chart{display:block;width:100%}
svg.key{width:1rem;height:1rem;vertical-align:-.15rem;margin-right:.3rem}
.new{fill:var(--new)}
.written{fill:var(--written)}
.cached{fill:var(--cached)}
.hatch{stroke:var(--text);stroke-width:1}
.rule{stroke:var(--line);stroke-width:1}
.lane{fill:var(--raised)}
svg text{fill:var(--quiet);font:.8rem system-ui,sans-serif}
.verified{fill:var(--good);stroke:var(--good)}
.failed,.regressed{fill:var(--bad);stroke:var(--bad)}
.flaky{fill:var(--warm);stroke:var(--warm)}
.refused,.not-run,.cancelled,.open{fill:var(--quiet);stroke:var(--quiet)}
.mark{stroke-width:2}
.hollow{fill:none}
.span{opacity:.35;stroke:none}
.s0{--c:var(--new)}.s1{--c:var(--written)}.s2{--c:var(--good)}
.s3{--c:var(--warm)}.s4{--c:var(--bad)}.s5{--c:var(--quiet)}
.fill{fill:var(--c)}
.stroke{fill:none;stroke:var(--c);stroke-width:2;vector-effect:non-scaling-stroke}
.s1.stroke{stroke-dasharray:9 4}.s2.stroke{stroke-dasharray:3 3}
.s3.stroke{stroke-dasharray:12 3 3 3}
.s4.stroke{stroke-dasharray:6 2}.s5.stroke{stroke-dasharray:2 5}
.sign{fill:none;stroke:var(--c);stroke-width:2}
.field{display:flex;gap:.5rem}
.field>:last-child{flex:1;min-width:0}
.field svg{overflow:visible}
.scale{display:flex;flex-direction:column;justify-content:space-between;height:216px;
text-align:right;color:var(--quiet);font-size:.86rem;line-height:1}
svg.graph{display:block;max-width:none}
svg.graph text{fill:var(--text);font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;
paint-order:stroke;stroke:var(--page);stroke-width:4px}
svg.graph .middle{text-anchor:middle}
svg.graph .named{stroke:none}
svg.graph .said{fill:var(--quiet);font-size:12px}
.node{fill:var(--raised);stroke:var(--quiet)}
.edge{fill:none;stroke:var(--quiet);stroke-width:1.3}
.tip{fill:var(--quiet)}
.life{stroke:var(--line);stroke-dasharray:4 3}
figure.shown{margin:1.2rem 0}
figure.shown figcaption{font-weight:600}
.ends{display:flex;justify-content:space-between;color:var(--quiet);font-size:.86rem}
img{max-width:100%;height:auto}
@media (max-width:40rem){dl.facts{grid-template-columns:1fr;gap:0}
dl.facts dd{margin-bottom:.4rem}details>:not(summary){margin-left:.4rem}}
@media print{body{max-width:none;padding:0}nav,.skip{display:none}
pre{max-height:none;white-space:pre-wrap;overflow:visible;overflow-wrap:anywhere}
pre code{width:auto}}
"""
STYLE = (
    f":root{{color-scheme:light dark;{_set(LIGHT)}}}\n"
    f"@media (prefers-color-scheme:dark){{:root{{{_set(DARK)}}}}}\n"
    f"@media print{{:root{{color-scheme:light;{_set(LIGHT)}}}}}{_RULES}"
)
POLICY = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'; img-src data:; base-uri 'none'; form-action 'none'"
)
