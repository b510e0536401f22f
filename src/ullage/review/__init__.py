"""The review of a deployment: facts are gathered, checks judge them, formats write down what they say.

`deployment` is what is known, `gather` finds it out and changes nothing, each class of `checks` judges one thing.
"""
