"""How the schema came to be, one step per file in `versions`; `tables` is their sum, and a test holds that.

To change the schema: change `tables`, write the next numbered step by hand, beside the newest as its model. A step
states everything itself and imports nothing of Ullage, for it must mean the same when `tables` has moved on. MariaDB
commits each statement by itself, so a step that was interrupted is run again from its beginning and must bear that.
"""
