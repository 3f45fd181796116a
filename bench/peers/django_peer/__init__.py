"""The same registration in Django REST framework, as its documentation teaches it."""
