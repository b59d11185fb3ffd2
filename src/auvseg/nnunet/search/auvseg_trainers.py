"""The names under which nnU-Net finds auvseg's trainers; nothing else may stand in this folder."""

from auvseg.nnunet.trainers import (  # noqa: F401
    nnUNetTrainerAuvsegBaseline,
    nnUNetTrainerDUO,
    nnUNetTrainerDUOSwinUNETR,
    nnUNetTrainerDUOUMambaBot,
    nnUNetTrainerDUOUMambaEnc,
    nnUNetTrainerSwinUNETR,
    nnUNetTrainerUMambaBot,
    nnUNetTrainerUMambaEnc,
)
