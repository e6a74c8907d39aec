"""Train a classifier, pack it, save the service."""
from iris_classifier import IrisClassifier
from sklearn import datasets, svm

iris = datasets.load_iris()
classifier = svm.SVC(gamma='scale')
classifier.fit(iris.data, iris.target)

service = IrisClassifier()
service.pack('model', classifier)
print("saved to", service.save())
