"""For test suites of those who submit tasks or write task types: the whole system in the process of the test.

`plugin` is what pytest loads. The scripts are the product's own, on a private Valkey that is emptied before each test;
handlers run in this process, when and where the test says so.
"""
