// The script of the console. Every page works without it, but for what says so.

import './code';
import './dialog';
import './keyboard';
import './live';
import './menu';
import './passkey';
import './selection';
import './theme';
import './undo';
