/** The charts of a report, as SVG: where the time of a restore went, and how it has moved over the drills. */
import type { EChartsCoreOption } from 'echarts/core';
import { PHASES, type Phase } from '../context.ts';
import type { TrendPoint } from './trend.ts';

const WIDTH = 900;
/** Told apart without colour by their order and the legend; chosen to differ for colour-blind eyes (Okabe and Ito, 2008). */
const COLOURS: Readonly<Record<Phase, string>> = { live: '#999999', detect: '#56b4e9', fetch: '#0072b2', restore: '#e69f00', verify: '#009e73', ready: '#cc79a7', teardown: '#bbbbbb' };
const INK = '#24292f';
const OBJECTIVE = '#d55e00';
const font = { fontFamily: 'system-ui, sans-serif', color: INK };
/** What counts to the time of recovery. */
const COUNTED: readonly Phase[] = PHASES.filter((phase) => phase !== 'live' && phase !== 'teardown');

export interface TrendChart {
  readonly caption: string;
  readonly svg: string;
}

export function rtoChart(phasesMs: Readonly<Record<Phase, number>>, objectiveSeconds: number): Promise<string> {
  const totalSeconds = COUNTED.reduce((sum, phase) => sum + phasesMs[phase], 0) / 1_000;
  // An objective of minutes would press a restore of seconds into a line: then it stands in the text only.
  const shown = objectiveSeconds <= totalSeconds * 4;
  return draw(150, {
    legend: { bottom: 0, textStyle: font },
    grid: { left: 10, right: 50, top: 16, bottom: 40, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    xAxis: { type: 'value', name: 's', axisLabel: font, ...(shown ? { max: Math.ceil(Math.max(totalSeconds, objectiveSeconds) * 1.05) } : {}) },
    yAxis: { type: 'category', data: ['RTO'], axisLabel: font },
    series: COUNTED.map((phase, i) => ({
      name: phase,
      type: 'bar',
      stack: 'rto',
      barWidth: 34,
      itemStyle: { color: COLOURS[phase] },
      data: [phasesMs[phase] / 1_000],
      ...(shown && i === 0 ? { markLine: objectiveLine('xAxis', objectiveSeconds) } : {}),
    })),
  });
}

export async function trendCharts(points: readonly TrendPoint[], objectives: { readonly rtoSeconds: number; readonly rpoSeconds: number }): Promise<readonly TrendChart[]> {
  return [
    { caption: `Time to recover, in seconds; the objective is ${objectives.rtoSeconds} s`, svg: await trend(points, (point) => point.rtoSeconds, objectives.rtoSeconds) },
    { caption: `Loss of data, in seconds; the objective is ${objectives.rpoSeconds} s`, svg: await trend(points, (point) => point.rpoSeconds, objectives.rpoSeconds) },
    { caption: 'Size of the backup, in MiB', svg: await trend(points, (point) => (point.bytes === null ? null : Math.round((point.bytes / 1_048_576) * 1_000) / 1_000), undefined) },
  ];
}

function trend(points: readonly TrendPoint[], valueOf: (point: TrendPoint) => number | null, objective: number | undefined): Promise<string> {
  const values = points.map(valueOf);
  const most = Math.max(0, ...values.map((value) => value ?? 0));
  const shown = objective !== undefined && objective <= most * 4;
  return draw(190, {
    grid: { left: 10, right: 30, top: 16, bottom: 10, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    xAxis: { type: 'category', data: points.map(({ startedAt }) => startedAt.slice(0, 16).replace('T', ' ')), axisLabel: font },
    yAxis: { type: 'value', min: 0, axisLabel: font, ...(shown ? { max: Math.ceil(Math.max(most, objective) * 1.05) } : {}) },
    series: [
      {
        type: 'line',
        connectNulls: false,
        lineStyle: { color: COLOURS.fetch },
        symbolSize: 9,
        // A failed drill is a triangle: seen without colour as well.
        data: points.map((point, i) => ({ value: values[i] ?? null, symbol: point.status === 'passed' ? 'circle' : 'triangle', itemStyle: { color: point.status === 'passed' ? COLOURS.fetch : OBJECTIVE } })),
        ...(shown ? { markLine: objectiveLine('yAxis', objective) } : {}),
      },
    ],
  });
}

function objectiveLine(axis: 'xAxis' | 'yAxis', at: number) {
  return { symbol: 'none', silent: true, lineStyle: { color: OBJECTIVE, type: 'dashed' }, label: { formatter: 'objective', position: axis === 'yAxis' ? 'insideEndTop' : 'end', ...font }, data: [{ [axis]: at }] };
}

async function draw(height: number, option: EChartsCoreOption): Promise<string> {
  const [core, charts, components, renderers] = await Promise.all([import('echarts/core'), import('echarts/charts'), import('echarts/components'), import('echarts/renderers')]);
  core.use([charts.BarChart, charts.LineChart, components.GridComponent, components.LegendComponent, components.MarkLineComponent, renderers.SVGRenderer]);
  const chart = core.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  try {
    chart.setOption({ animation: false, backgroundColor: '#ffffff', textStyle: font, ...option });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}
