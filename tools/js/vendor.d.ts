// The libraries that come with the report are called as they document themselves, not type-checked.
declare var echarts: any;
declare var Tabulator: any;
