"""What a fix on the Message Processor looks like, where several causes have the same one."""

from __future__ import annotations

from whytls.model import Artefact, Fix


def sni_switch() -> Fix:
    """Switch server_name on, which a private cloud's Message Processor leaves off (R20, R27)."""
    place = "/opt/apigee/customer/application/message-processor.properties, owner apigee:apigee"
    return Fix(
        "client",
        "conf_system_jsse.enableSNIExtension=true in message-processor.properties, on every Message Processor",
        "restart",
        (
            Artefact("properties", "conf_system_jsse.enableSNIExtension=true", place),
            Artefact("command", "/opt/apigee/apigee-service/bin/apigee-service edge-message-processor restart", "every Message Processor, in turn"),
        ),
    )
