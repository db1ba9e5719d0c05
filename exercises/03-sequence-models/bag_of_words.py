"""The baseline that every reader of reviews must beat: which words occur, their order forgotten. Given."""


def as_they_are(ids):
    """Return a review as it is: it is a list of word ids already."""
    return ids


def bag_of_words_accuracy(train_reviews, train_labels, test_reviews, test_labels):
    """Weigh words by tf-idf, fit a logistic regression, and return its accuracy on both parts.

    Args:
        train_reviews: lists of word ids.
        train_labels: 0 or 1 for each.
        test_reviews: lists of word ids.
        test_labels: 0 or 1 for each.

    Returns:
        Accuracy on the training part and on the test part.

    """
    # Imported here: scikit-learn takes seconds, and only this function needs it.
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    weigh = TfidfVectorizer(analyzer=as_they_are)
    train_rows = weigh.fit_transform(train_reviews)  # sparse [N, words]: each row has length 1
    classifier = LogisticRegression(max_iter=1000).fit(train_rows, train_labels)
    test_rows = weigh.transform(test_reviews)
    return classifier.score(train_rows, train_labels), classifier.score(test_rows, test_labels)
