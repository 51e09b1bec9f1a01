"""Who a reader is: by a login at the identity provider in Streamlit's secrets, or by a token."""

import streamlit as st

from ..desk.desk import Desk, User

NO_TOKEN = "Give the token that the organiser sent you."
NOBODY = "Log in, or give the token that the organiser sent you."


def identify(desk: Desk) -> User | None:
    """Let a reader say who they are; None until they have. `UsageError` for a wrong token."""
    login = offers_login()
    if login and st.user.get("is_logged_in"):
        st.button("Log out", on_click=st.logout)
        return desk.user_of_login(str(st.user["iss"]), str(st.user["sub"]))
    if login:
        st.button("Log in", on_click=st.login, type="primary")
    token = st.text_input("Token", type="password", key="token", autocomplete="off").strip()
    if token:
        return desk.user_of(token)
    st.info(NOBODY if login else NO_TOKEN)
    return None


def offers_login() -> bool:
    """Whether the organiser named an identity provider: the section [auth] of the secrets."""
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets
