"""The forms in which open-weights models write calls: one record each, in one table.

`table` has them all; `objects`, `tags` and `code` say how groups of them are read; `base` says what
a record is; `repair` reads JSON and what comes close, `schema` settles types; `channels` separates
thinking from the answer.
"""
