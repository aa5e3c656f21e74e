"""The benchmark: every measure against the loop that a user of OpenCV, scikit-image and NumPy would write."""
