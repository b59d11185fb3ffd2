"""The names under which nnU-Net finds auvseg's trainers; this folder may contain nothing else."""

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
