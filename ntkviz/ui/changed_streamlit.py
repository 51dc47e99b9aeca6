"""What the server changes of Streamlit itself, each with its reason. The pinned version is the one that was read."""

from functools import cache

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session
from streamlit.runtime.app_session import AppSession


@cache
def answer_pages_of_a_lost_session() -> None:
    """Make Streamlit run a page whole where its browser asks for a fragment that the session does not have.

    A browser that stayed open while the server was started again has such a page. Streamlit ignores its request, and
    no control of the page would do anything until it is loaded anew.
    """
    request_rerun = AppSession.request_rerun

    def request_known_rerun(session: AppSession, client_state: ClientState | None) -> None:
        asked = client_state is not None and client_state.fragment_id and not client_state.is_auto_rerun
        if client_state is not None and asked and not session.has_fragment(client_state.fragment_id):
            client_state.fragment_id = ""
        request_rerun(session, client_state)

    AppSession.request_rerun = request_known_rerun  # type: ignore[assignment, method-assign]


@cache
def read_themes_once() -> None:
    """Make Streamlit read the colours and fonts of its configuration once a process.

    It reads them before every run of a script, which took a tenth of the server's time when a class moved its controls.
    """
    populate = app_session._populate_theme_msg

    @cache
    def theme(section: str) -> CustomThemeConfig:
        read = CustomThemeConfig()
        populate(read, section)
        return read

    def populate_from_memory(msg: CustomThemeConfig, section: str = "theme") -> None:
        if theme(section).ByteSize():  # an empty one leaves the message as it is
            msg.MergeFrom(theme(section))

    app_session._populate_theme_msg = populate_from_memory
