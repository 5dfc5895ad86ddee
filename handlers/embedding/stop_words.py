"""Words that say little of a text or a query, of English, and a few of German, French and Spanish."""

#: What stands in every text and names nothing.
STOP = frozenset(
    {"a", "an", "the", "and", "or", "of", "in", "on", "at", "to", "for", "with", "by", "from", "into"}
    | {"over", "under", "as", "is", "are", "was", "were", "be", "it", "its", "this", "that", "these"}
    | {"those", "i", "me", "my", "he", "she", "his", "her", "they", "them", "their", "we", "our", "you"}
    | {"your", "who", "what", "where", "when", "which", "how", "do", "does", "not", "no", "one", "some"}
    | {"ein", "eine", "einen", "einem", "der", "die", "das", "den", "dem", "und", "oder", "im", "am"}
    | {"auf", "mit", "von", "zu", "le", "la", "les", "un", "une", "des", "du", "de", "et", "el", "los"}
    | {"y"}
)
#: What stands in most sentences besides, and is looked up only where a query has nothing else.
COMMON = frozenset(
    {"about", "after", "again", "all", "another", "any", "because", "been", "before", "being", "between", "both"}
    | {"but", "can", "could", "did", "done", "during", "each", "few", "get", "give", "given", "had", "has"}
    | {"have", "having", "here", "him", "if", "just", "let", "make", "many", "may", "might", "more", "most", "much"}
    | {"must", "nor", "off", "once", "only", "other", "out", "own", "same", "shall", "should", "so"}
    | {"such", "than", "then", "there", "through", "too", "until", "up", "us", "use", "used", "very", "while", "why"}
    | {"will", "without", "would", "yet"}
)
