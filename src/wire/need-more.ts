/** What a decoder answers when the bytes so far are no whole unit yet. It has consumed nothing. */
export const NEED_MORE: unique symbol = Symbol('need more bytes');
export type NeedMore = typeof NEED_MORE;
