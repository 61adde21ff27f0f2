#pragma once
// The style sheet of report.html, light and dark.

namespace filigree::train {

inline constexpr const char* kReportStyle = R"css(
:root{color-scheme:light dark;--page:#f7f7f5;--card:#fff;--text:#1b2026;--soft:#5d6673;--rule:#e4e5e1;--band:#00000008;
--a:#2356c5;--b:#c2660c;--c:#0c7d60;--faint:#2356c52e;--kept:#2356c5;--rest:#e6e9ef;--gone:#b9bfc9;--whole:#8a93a1}
@media(prefers-color-scheme:dark){:root{--page:#0f1215;--card:#171b20;--text:#e5e8ec;--soft:#98a2ae;--rule:#2a3037;--band:#ffffff0a;
--a:#7fa6f8;--b:#eba253;--c:#53c3a2;--faint:#7fa6f83d;--kept:#6c97f0;--rest:#262c34;--gone:#525b67;--whole:#6f7a88}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1160px;margin:0 auto;padding:28px 20px 48px}
header{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 14px;margin-bottom:18px}
h1{font-size:25px;line-height:1.25;margin:0;font-weight:650;overflow-wrap:anywhere}
h2{font-size:15px;margin:0 0 10px;font-weight:650}
p{margin:0}
.soft{color:var(--soft)}
.state{font-size:13px;padding:1px 9px;border-radius:10px;border:1px solid var(--rule);color:var(--soft);white-space:nowrap}
.state.done{color:var(--c);border-color:currentColor}
.grid{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:16px;margin-top:16px}
.card{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:16px 18px;min-width:0}
.all{grid-column:1/-1}
.hero{display:grid;grid-auto-flow:column;grid-auto-columns:1fr}
.hero div+div{border-left:1px solid var(--rule);padding-left:22px}
.figure{font-size:34px;line-height:1.2;font-weight:650;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.tiles{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:16px;margin-top:16px}
.tile .figure{font-size:23px}
.tile p{font-size:13px;color:var(--soft)}
.hero p{font-size:14px;color:var(--soft)}
svg{display:block;max-width:100%;height:auto;overflow:visible}
svg text{font-size:11px;fill:var(--soft);font-family:inherit;font-variant-numeric:tabular-nums}
svg .stage,svg .caption{fill:var(--text);font-weight:600}
svg .note,svg .count{fill:var(--text)}
svg .note{font-weight:600}
svg .caption,svg .count{font-size:12px}
.grid>.card svg .axis,svg .axis{stroke:var(--soft);stroke-width:1}
svg line.grid{stroke:var(--rule);stroke-width:1}
svg .border{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 3}
svg .band{fill:var(--band)}
svg .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
svg .line.faint{stroke:var(--faint);stroke-width:1.25}
svg .line.a{stroke:var(--a)}svg .line.b{stroke:var(--b)}svg .line.c{stroke:var(--c)}
svg .dot.a{fill:var(--a)}svg .dot.b{fill:var(--b)}svg .dot.c{fill:var(--c)}svg .dot.faint{fill:var(--faint)}
svg .kept{fill:var(--kept)}svg .rest{fill:var(--rest)}svg .whole{fill:var(--whole)}
svg .gone{fill:none;stroke:var(--gone);stroke-width:1;stroke-dasharray:2 2}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:13px;color:var(--soft);margin:-4px 0 8px}
.key{display:inline-flex;align-items:center;gap:6px}
.key i{width:12px;height:12px;border-radius:3px;display:inline-block}
.key .l{height:3px;border-radius:2px;width:16px}
.narrow{display:none}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th{font-weight:600;color:var(--soft);font-size:13px;text-align:right;border-bottom:1px solid var(--rule);padding:4px 0 6px 18px;white-space:nowrap}
td{text-align:right;padding:6px 0 6px 18px;border-bottom:1px solid var(--rule);white-space:nowrap}
tr:last-child td{border-bottom:0}
th:first-child,td:first-child{text-align:left;padding-left:0}
pre{margin:0;font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere}
summary{cursor:pointer;font-weight:650}
details pre{margin-top:12px}
footer{margin-top:22px;font-size:13px;color:var(--soft)}
@media(max-width:820px){.grid{grid-template-columns:minmax(0,1fr)}.tiles{grid-template-columns:repeat(2,minmax(0,1fr))}}
@media(max-width:560px){main{padding:18px 12px 36px}.card{padding:14px}.wide{display:none}.narrow{display:block}
.figure{font-size:25px}.hero div+div{padding-left:12px}.hero p{font-size:13px}.tiles,.grid{gap:12px;margin-top:12px}.tile .figure{font-size:20px}}
@media print{body{background:none}.card{break-inside:avoid}}
)css";

}  // namespace filigree::train
