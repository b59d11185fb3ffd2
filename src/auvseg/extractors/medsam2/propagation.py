"""Propagate masks with MedSAM2's video model: prompt one plane of a structure, and track its mask through the others.

The scored planes of a structure are the frames of a film. The middle one is prompted, and the mask is propagated to the
last, then from the middle to the first. All structures share the same two sweeps, so a plane is encoded at most twice,
and only two tracks per structure are held.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from auvseg.extractors.base import ClassMap
from auvseg.extractors.medsam2.names import to_transformers
from auvseg.extractors.medsam2.network import (
    Architecture,
    Embedding,
    decoder_settings,
    fill,
    normalised,
    prompt_settings,
    reproducible,
    vision_config,
)
from auvseg.extractors.planes.planewise import Decoded, OpenMap
from auvseg.extractors.planes.prompts import ClassPrompts

Encoded = TypeVar("Encoded")
"""What a model's encoder makes of a plane."""

EmbeddingIn = TypeVar("EmbeddingIn", contravariant=True)


class Journey(Protocol[EmbeddingIn]):
    """A structure's mask on its way through a film."""

    def carry(self, embedding: EmbeddingIn, plane: int) -> Decoded:
        """What becomes of it on a plane: the middle one first, then a neighbour of the one before."""
        ...

    def turned(self) -> "Journey[EmbeddingIn]":
        """The way to the other side, from the middle plane."""
        ...


def maps_of_films(
    prompts: Sequence[ClassPrompts],
    encode: Callable[[int], Encoded],
    begin: Callable[[ClassPrompts], Journey[Encoded]],
) -> Iterator[ClassMap]:
    """Yield the map of every class as soon as its last plane is done.

    Args:
        prompts: classes with their boxes; only the middle box is used as prompt.
        encode: called for every plane that holds a structure, at most twice.
        begin: called once for every class, before its middle plane.
    """
    still_open = {one.class_def.class_id: OpenMap(one) for one in prompts}
    journeys: dict[int, Journey[Encoded]] = {}
    planes = sorted({plane for one in prompts for plane in one.boxes})
    for sweep in (planes, planes[::-1]):
        for plane in sweep:
            upwards = sweep is planes
            going = [entry for entry in still_open.values() if _goes_through(entry.prompts, plane, upwards=upwards)]
            if not going:
                continue
            embedding = encode(plane)
            for entry in going:
                class_id = entry.prompts.class_def.class_id
                if class_id not in journeys:
                    journeys[class_id] = begin(entry.prompts)
                entry.decoded[plane] = journeys[class_id].carry(embedding, plane)
                if entry.complete:
                    del journeys[class_id]
                    yield still_open.pop(class_id).finished()
        journeys = {class_id: journey.turned() for class_id, journey in journeys.items()}


def middle_plane(prompts: ClassPrompts) -> int:
    """Return the plane whose box is the prompt: the middle scored plane, the upper one of two."""
    planes = list(prompts.boxes)
    return planes[len(planes) // 2]


def _goes_through(prompts: ClassPrompts, plane: int, *, upwards: bool) -> bool:
    """Whether a structure is looked at on a plane in this sweep."""
    middle = middle_plane(prompts)
    return plane in prompts.boxes and (plane >= middle if upwards else plane < middle)


_OBJECT = 0
"""The one object of a film."""

_CORNERS = (2, 3)
"""What SAM calls the first and the last corner of a box, among its kinds of points."""

_POINTERS = 16
"""Frames whose pointer to the object is looked at."""

_MEMORIES = 7
"""Frames whose mask is looked at: the prompted one and six before."""


@dataclass(frozen=True)
class Frame(Embedding):
    """What the encoder makes of a plane that may or may not be the prompted one.

    Attributes:
        bare: (1, K, S/16, S/16) the coarsest level without the constant that stands for an empty memory, which
            `levels` have.
    """

    bare: Tensor


class VideoNetwork:
    """The frozen video model on a device.

    Args:
        state: all parameters, by upstream's names.
        architecture: the network's numbers.
        device: where it runs.
        bfloat16: as for `medsam2_network.Network`: the encoder alone.

    Raises:
        WeightsError: the parameters are not exactly those of this network.
    """

    def __init__(
        self, state: Mapping[str, Tensor], architecture: Architecture, *, device: str, bfloat16: bool = False
    ) -> None:
        # Building draws random weights, which must not shift the caller's random numbers.
        with torch.random.fork_rng(devices=[]):
            self._model = _video_model(architecture)
        fill(self._model, to_transformers(state, memory=True), "video model")
        self._model.eval().requires_grad_(False).to(device)
        self._device = torch.device(device)
        self._bfloat16 = bfloat16
        self._sizes = [architecture.side // step for step in (4, 8, 16)]
        # The same for every plane: it tells places, not contents.
        self._positions: Tensor | None = None
        self._decoded: tuple[Tensor, ...] = ()
        self._model.mask_decoder.register_forward_hook(self._keep)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self._device

    def move(self, device: str) -> None:
        """Go to a device; films that were begun on another cannot go on."""
        self._model.to(device)
        self._device = torch.device(device)
        self._positions, self._decoded = None, ()

    @torch.inference_mode()
    def encode(self, plane: Float32[np.ndarray, "S S"]) -> Frame:
        """(S, S) grey values in [0, 1] to the embedding."""
        with reproducible(), torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._bfloat16):
            found = self._model.get_image_features(normalised(plane, self._device), return_dict=True)
        if self._positions is None:
            self._positions = found.fpn_position_encoding[-1].float()
        fine, middle, bare = (
            level.float().permute(1, 2, 0).unflatten(2, (size, size))
            for level, size in zip(found.fpn_hidden_states, self._sizes, strict=True)
        )
        coarse = bare + self._model.no_memory_embedding.view(1, -1, 1, 1)
        return Frame((fine, middle, coarse), bare)

    def begin(self, frame: Frame, box: tuple[float, float, float, float], index: int, count: int) -> "Track":
        """Prompt one frame of a film.

        Args:
            frame: the prompted one.
            box: left, top, right and bottom in pixels of the (S, S) plane.
            index: which frame of the film it is, from 0.
            count: frames of the film.
        """
        track = Track(self, index, count)
        corners = {
            "point_coords": torch.tensor(box, dtype=torch.float32).view(1, 1, 2, 2),
            "point_labels": torch.tensor(_CORNERS, dtype=torch.int32).view(1, 1, 2),
        }
        track.session.add_point_inputs(_OBJECT, index, corners)
        track.session.obj_with_new_inputs = [_OBJECT]
        track.look(frame, index)
        return track

    @torch.inference_mode()
    def decode(
        self, session: Any, frame: Frame, index: int, *, reverse: bool
    ) -> tuple[Float32[Tensor, "h w"], Float32[Tensor, ""]]:
        """Decode one frame of a film, and remember it in the film's session.

        The mask is upstream's: on the prompted frame the first of four unless it is unstable (see
        `medsam2_network.Network.decode`), on every other the one of three whose quality is estimated best. Its logits
        are the decoder's. Where the model holds the object to be absent it remembers so, as upstream does, but the
        logits are not set to -1024.
        """
        features = [level.flatten(2).permute(2, 0, 1) for level in (*frame.levels[:2], frame.bare)]
        session.cache.cache_vision_features(index, {"vision_feats": features, "vision_pos_embeds": [self._positions]})
        with reproducible():
            self._model(session, frame_idx=index, reverse=reverse)
        masks, quality = self._decoded[0][0, 0], self._decoded[1][0, 0]
        self._decoded = ()
        best = int(quality.argmax())
        return masks[best], quality[best]

    def film(self, count: int) -> Any:
        """`transformers`' session of a film of so many frames; their content is handed over one by one."""
        from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

        session = Sam2VideoInferenceSession(
            inference_device=self._device, inference_state_device=self._device, dtype=torch.float32
        )
        session.processed_frames = dict.fromkeys(range(count))
        session.obj_id_to_idx(_OBJECT)
        return session

    def _keep(self, _module: Any, _arguments: Any, output: tuple[Tensor, ...]) -> None:
        """Note what the mask decoder says, before the model makes a plane without the object a constant."""
        self._decoded = output


class Track:
    """One structure on its way through a film, in one direction from the frame that was prompted.

    Args:
        network: the model.
        prompted: index of the prompted frame.
        count: frames of the film.
        reverse: whether to go to lower indices.

    Attributes:
        session: what is remembered.
        logits: (h, w) logits of the frame that was looked at last.
        quality: () predicted intersection over union of its mask with the truth.
    """

    def __init__(self, network: VideoNetwork, prompted: int, count: int, *, reverse: bool = False) -> None:
        self._network = network
        self._prompted = prompted
        self._count = count
        self._reverse = reverse
        self.session = network.film(count)
        self.logits: Float32[Tensor, "h w"]
        self.quality: Float32[Tensor, ""]

    def look(self, frame: Frame, index: int) -> None:
        """Carry the mask on to a frame, the neighbour of the one before."""
        self.logits, self.quality = self._network.decode(self.session, frame, index, reverse=self._reverse)
        self._forget(index)

    def turned(self) -> "Track":
        """The way to the other side: from the prompted frame, with nothing else in memory."""
        other = Track(self._network, self._prompted, self._count, reverse=not self._reverse)
        prompted = self.session.output_dict_per_obj[_OBJECT]["cond_frame_outputs"]
        other.session.output_dict_per_obj[_OBJECT]["cond_frame_outputs"] = dict(prompted)
        return other

    def _forget(self, index: int) -> None:
        """Drop what no later frame looks at: a film of a thousand frames takes the room of sixteen."""
        remembered = self.session.output_dict_per_obj[_OBJECT]
        for outputs in remembered.values():
            for output in outputs.values():
                output.pop("pred_masks", None)
                output.pop("high_res_masks", None)
        later = remembered["non_cond_frame_outputs"]
        for known in list(later):
            if abs(index - known) >= _POINTERS:
                del later[known]
            elif abs(index - known) >= _MEMORIES:
                later[known].pop("maskmem_features", None)
                later[known].pop("maskmem_pos_enc", None)


def _video_model(architecture: Architecture) -> Any:
    """`transformers`' video model with random weights; all that MedSAM2's configuration says is written out."""
    from transformers.models.sam2_video.configuration_sam2_video import (
        Sam2VideoConfig,
        Sam2VideoMaskDecoderConfig,
        Sam2VideoPromptEncoderConfig,
    )
    from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoModel

    channels = architecture.channels
    return Sam2VideoModel(
        Sam2VideoConfig(
            vision_config=vision_config(architecture),
            prompt_encoder_config=Sam2VideoPromptEncoderConfig(**prompt_settings(architecture)),
            mask_decoder_config=Sam2VideoMaskDecoderConfig(**decoder_settings(architecture)),
            attn_implementation="sdpa",
            image_size=architecture.side,
            num_maskmem=_MEMORIES,
            max_object_pointers_in_encoder=_POINTERS,
            sigmoid_scale_for_mem_enc=20.0,
            sigmoid_bias_for_mem_enc=-10.0,
            enable_occlusion_spatial_embedding=True,
            enable_temporal_pos_encoding_for_object_pointers=True,
            multimask_output_in_sam=True,
            multimask_min_pt_num=0,
            multimask_max_pt_num=1,
            multimask_output_for_tracking=True,
            max_cond_frame_num=-1,
            memory_attention_hidden_size=channels,
            memory_attention_num_layers=4,
            memory_attention_num_attention_heads=1,
            memory_attention_feed_forward_hidden_size=architecture.hidden,
            memory_attention_rope_feat_sizes=[architecture.embedding_side] * 2,
            memory_encoder_hidden_size=channels,
            memory_encoder_output_channels=64,
            mask_downsampler_embed_dim=channels,
            memory_fuser_num_layers=2,
            memory_fuser_embed_dim=channels,
            memory_fuser_intermediate_dim=4 * channels,
        )
    )
