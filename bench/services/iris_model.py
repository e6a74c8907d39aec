"""Fits the iris classifier of the documentation and pickles it: iris_model.py FILE."""
import pickle
import sys

from sklearn import datasets, svm

iris = datasets.load_iris()
with open(sys.argv[1], "wb") as out:
    pickle.dump(svm.SVC(gamma="scale").fit(iris.data, iris.target), out, protocol=4)
