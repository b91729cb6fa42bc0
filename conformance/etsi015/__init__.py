"""The suite for SDN agents by ETSI GS QKD 015; its register holds requirements of controllers, too."""
