// Templates: HTML that is parsed at run time, without a build.

import htm from '../vendor/htm.js';
import { h } from '../vendor/preact.js';

export const html = htm.bind(h);

/** @param {...(string | false | undefined)} names */
export const classes = (...names) => names.filter(Boolean).join(' ');
