export { realTimers, type Timers } from '../base/timers.ts';
