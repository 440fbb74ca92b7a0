"""Which address leads to which page."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from styleguide_example.users import views

app_name = "users"

urlpatterns = [
    path("", views.LandingView.as_view(), name="landing"),
    path("sign-up/", views.SignUpView.as_view(), name="sign-up"),
    path("sign-up/sent/", views.SignUpSentView.as_view(), name="sign-up-sent"),
    path("confirm/<str:uidb64>/<str:token>/", views.ConfirmView.as_view(), name="confirm"),
    path("sign-in/", views.SignInView.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("onboarding/", views.OnboardingView.as_view(), name="onboarding"),
    path("language/", views.LanguageView.as_view(), name="language"),
    path("home/", views.HomeView.as_view(), name="home"),
    # Before the admin's own address: its sign-in page would not count attempts.
    path("admin/login/", views.AdminSignInView.as_view(), name="admin-sign-in"),
]
