"""The product's pages, and the one that all three have."""

from config.urls import urlpatterns as product_patterns
from faults.contenders.web import urlpatterns as shared_patterns

urlpatterns = [*shared_patterns, *product_patterns]
