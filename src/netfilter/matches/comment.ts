/** A note for people; every packet matches (`xt_comment`). */
import { defineMatch } from '../text/extension.ts';
import { cutText, quote } from '../text/values.ts';

/** XT_MAX_COMMENT_LEN with its end mark. */
const MAX_COMMENT = 255;

export const comment = defineMatch('comment', {
  options: { comment: { parse: cutText(0, MAX_COMMENT), required: true } },
  read: ({ comment }) => ({ kind: 'comment', text: comment!.value }),
  print: m => ` --comment ${quote(m.text)}`,
  list: m => ` /* ${m.text} */`,
});
