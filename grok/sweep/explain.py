from grok.errors import UserError
def explained(error, overrides, valid=()):
    return UserError(repr(error))
