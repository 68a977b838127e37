export type { HeaderView } from './header-view.ts';
