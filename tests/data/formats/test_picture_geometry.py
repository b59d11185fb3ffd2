"""Voxel sizes of pictures and TIFF stacks: nnU-Net's sidecar, OME-XML, ImageJ, and never a density for printing."""

import json
import struct

import numpy as np
import pytest
from PIL import Image

from auvseg.data.check.findings import Kind
from auvseg.data.reading import files_of_volume, image_sha256, label_sha256, read_header
from image_files import refusal

SPACING = (0.75, 0.5, 2.5)
OME = (
    '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    '<Image ID="Image:0"><Pixels ID="Pixels:0" {}/></Image></OME>'
)
MICRONS = 'PhysicalSizeX="750" PhysicalSizeY="500" PhysicalSizeZ="2500"'
IMAGEJ = "ImageJ=1.54f\nimages=6\nslices=6\nunit={}\nspacing={}\n"


def tiff(path, planes=6, description="", resolution=None, unit=1, order="<", big=False):
    """A TIFF of 5×4 pixels a plane, written by hand, since no writer states all of it."""
    data = np.arange(planes * 20, dtype=np.uint8).reshape(planes, 4, 5).tobytes()
    offset, count, kind = ("Q", "Q", 43) if big else ("I", "H", 42)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", kind)
    head += struct.pack(order + "HHQ", 8, 0, 16) if big else struct.pack(order + "I", 8)
    body, at = b"", len(head)
    text = description.encode() + b"\0"
    for plane in range(planes):
        entries = [(256, 3, 1, 5), (257, 3, 1, 4), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
        page = {273: data[20 * plane : 20 * plane + 20]}
        if description and plane == 0:
            page[270] = text
        if resolution is not None:
            page |= {tag: struct.pack(order + "II", *ratio) for tag, ratio in zip((282, 283), resolution, strict=True)}
        entries += [(277, 3, 1, 1), (278, 3, 1, 4), (279, 4, 1, 20), (296, 3, 1, unit)]
        size = struct.calcsize(order + count) + (len(entries) + len(page)) * (20 if big else 12)
        where = at + size + struct.calcsize(order + offset)
        rows, blobs = [], b""
        for tag, blob in page.items():
            kind_of, times = {273: (4, 1), 270: (2, len(blob))}.get(tag, (5, 1))
            rows.append((tag, kind_of, times, where + len(blobs)))
            blobs += blob + b"\0" * (len(blob) % 2)
        packed = b""
        for tag, kind_of, times, value in sorted(entries + rows):
            letter = "H" if kind_of == 3 else offset
            packed += struct.pack(order + "HH" + offset, tag, kind_of, times)
            packed += struct.pack(order + letter, value).ljust(struct.calcsize(order + offset), b"\0")
        following = where + len(blobs) if plane + 1 < planes else 0
        page_bytes = struct.pack(order + count, len(entries) + len(page)) + packed
        page_bytes += struct.pack(order + offset, following) + blobs
        body, at = body + page_bytes, at + len(page_bytes)
    path.write_bytes(head + body)
    return path


def sidecar(path, spacing):
    path.write_text(spacing if isinstance(spacing, str) else json.dumps({"spacing": spacing}))
    return path


def units(x, y, z):
    return f'PhysicalSizeXUnit="{x}" PhysicalSizeYUnit="{y}" PhysicalSizeZUnit="{z}"'


def kinds(header):
    return {note.kind for note in header.notes}


def said(header):
    (note,) = header.notes
    return note.message


def test_the_sidecar_of_the_case_states_the_size_of_planes_rows_and_columns(tmp_path):
    sidecar(tmp_path / "cell.json", [2.5, 0.5, 0.75])
    header = read_header(tiff(tmp_path / "cell_0000.tif"))
    assert (header.shape, header.spacing_mm, header.axcodes, header.notes) == ((5, 4, 6), SPACING, "LPS", ())
    header = read_header(tiff(tmp_path / "cell.tif"), part="label")
    assert (header.spacing_mm, header.notes) == (SPACING, ())


@pytest.mark.parametrize("ending", [".tif", ".tiff", ".TIF"])
def test_a_sidecar_called_as_the_image_counts_where_none_is_called_as_the_case(tmp_path, ending):
    sidecar(tmp_path / "cell_0001.json", [2.5, 0.5, 0.75])
    path = tiff(tmp_path / f"cell_0001{ending}")
    assert read_header(path).spacing_mm == SPACING
    sidecar(tmp_path / "cell.json", [1, 2, 3])
    assert read_header(path).spacing_mm == (3.0, 2.0, 1.0)
    # Of a label the last four digits belong to the case.
    assert read_header(path, part="label").spacing_mm == SPACING


@pytest.mark.parametrize(
    "content",
    [
        [2.5, 0.5],
        [2.5, 0.5, 0.75, 1],
        [0, 1, 1],
        [-1, 1, 1],
        [float("nan"), 1, 1],
        [float("inf"), 1, 1],
        [1e300, 1, 1],
        [10**400, 1, 1],
        ["1", "1", "1"],
        [True, True, True],
        [None, 1, 1],
        [[1], [1], [1]],
        "1 1 1",
        1,
        None,
        {"z": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("planes", [1, 6])
def test_a_sidecar_whose_spacing_is_none_is_refused_by_its_name(tmp_path, content, planes):
    (tmp_path / "cell.json").write_text(json.dumps({"spacing": content}))
    message = refusal(read_header, tiff(tmp_path / "cell_0000.tif", planes))
    assert "cell.json" in message
    assert '{"spacing": [' in message


@pytest.mark.parametrize(
    "content", ["", "{", "not JSON", "[" * 100_000, " " * (2 << 20), "\xff", '{"spacing": 1' + "0" * 5000]
)
def test_a_sidecar_that_cannot_be_read_is_refused_where_nnunet_reads_it(tmp_path, content):
    (tmp_path / "cell.json").write_bytes(content.encode("latin-1"))
    assert "cell.json" in refusal(read_header, tiff(tmp_path / "cell_0000.tif"))
    # For a single plane it does not, and annotation programs write such files beside pictures.
    assert kinds(read_header(tiff(tmp_path / "cell_0000.tif", 1))) == {Kind.PIXELS_ONLY}


@pytest.mark.parametrize("content", [{"shapes": []}, [1, 2, 3], 5, None])
def test_a_json_file_of_other_things_is_no_sidecar_and_stops_nnunet(tmp_path, content):
    (tmp_path / "cell.json").write_text(json.dumps(content))
    header = read_header(tiff(tmp_path / "cell_0000.tif"))
    assert kinds(header) == {Kind.UNREADABLE_ELSEWHERE, Kind.UNSTATED_SPACING}
    assert kinds(read_header(tiff(tmp_path / "cell_0000.tif", 1))) == {Kind.PIXELS_ONLY}


def test_a_folder_called_as_the_sidecar_is_none(tmp_path):
    (tmp_path / "cell.json").mkdir()
    assert kinds(read_header(tiff(tmp_path / "cell.tif"))) == {Kind.UNSTATED_SPACING}


def test_the_sidecar_belongs_to_the_hash_of_its_image_and_of_its_label(tmp_path):
    image, label = tiff(tmp_path / "cell_0000.tif"), tiff(tmp_path / "cell.tif")
    before = image_sha256(image), label_sha256(label, {})
    beside = sidecar(tmp_path / "cell.json", [2.5, 0.5, 0.75])
    assert files_of_volume(image, "image") == (image, beside)
    first = image_sha256(image), label_sha256(label, {})
    sidecar(tmp_path / "cell.json", [2.5, 0.5, 0.8])
    second = image_sha256(image), label_sha256(label, {})
    assert all(len({*hashes}) == 3 for hashes in zip(before, first, second, strict=True))


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("attributes", "factor"),
    [
        (MICRONS, 1e-3),
        (f"{MICRONS} {units('µm', 'um', '&#181;m')}", 1e-3),
        (f"{MICRONS} {units('nm', 'nm', 'nm')}", 1e-6),
        (f'PhysicalSizeX="7.5" PhysicalSizeY="5" PhysicalSizeZ="25" {units("mm", "mm", "mm")}', 1e-2),
    ],
)
def test_ome_xml_states_the_size_and_the_note_says_that_nnunet_does_not_look(tmp_path, attributes, factor, order, big):
    header = read_header(tiff(tmp_path / "cell_0000.tif", 6, OME.format(attributes), order=order, big=big))
    assert header.spacing_mm == pytest.approx([750 * factor, 500 * factor, 2500 * factor])
    assert kinds(header) == {Kind.SPACING_UNSEEN}
    assert "takes 1×1×1 unless cell.json states" in said(header)


@pytest.mark.parametrize(
    "attributes",
    [
        "",
        'PhysicalSizeX="0.5" PhysicalSizeY="0.5"',
        MICRONS.replace("750", "0"),
        MICRONS.replace("750", "-1"),
        MICRONS.replace("750", "nan"),
        MICRONS.replace("750", "many"),
        f'{MICRONS} PhysicalSizeXUnit="pixel"',
        f'{MICRONS} PhysicalSizeZUnit="reference frame"',
    ],
)
def test_ome_xml_that_leaves_a_size_open_states_none(tmp_path, attributes):
    header = read_header(tiff(tmp_path / "a.tif", 6, OME.format(attributes)))
    assert (header.spacing_mm, kinds(header)) == ((1.0, 1.0, 1.0), {Kind.UNSTATED_SPACING})


def test_xml_that_is_damaged_or_declares_entities_is_no_ome(tmp_path):
    bomb = '<!DOCTYPE x [<!ENTITY a "750"><!ENTITY b "&a;&a;">]>' + OME.partition("?>")[2].format(MICRONS)
    for description in (OME[:60], bomb, "<OME", "<OME>" * 10_000):
        assert read_header(tiff(tmp_path / "a.tif", 6, description)).spacing_mm == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("unit", "factor"), [("um", 1e-3), ("micron", 1e-3), ("\\u00B5m", 1e-3), ("nm", 1e-6), ("mm", 1)]
)
def test_imagej_states_pixels_per_unit_and_the_distance_of_planes(tmp_path, unit, factor):
    path = tiff(tmp_path / "a.tif", 6, IMAGEJ.format(unit, 3), ((4, 1), (2, 1)))
    header = read_header(path)
    assert header.spacing_mm == pytest.approx([0.25 * factor, 0.5 * factor, 3 * factor])
    assert kinds(header) == {Kind.SPACING_UNSEEN}


@pytest.mark.parametrize("unit", ["inch", "cm", "pixel", "", "sec"])
def test_imagej_with_a_unit_of_print_or_none_states_no_size(tmp_path, unit):
    header = read_header(tiff(tmp_path / "a.tif", 6, IMAGEJ.format(unit, 3), ((72, 1), (72, 1)), 2))
    assert (header.spacing_mm, kinds(header)) == ((1.0, 1.0, 1.0), {Kind.UNSTATED_SPACING})


@pytest.mark.parametrize("unit", [2, 3])
def test_a_density_for_printing_is_no_voxel_size(tmp_path, unit):
    header = read_header(tiff(tmp_path / "a.tif", 6, "", ((300, 1), (300, 1)), unit))
    assert (header.spacing_mm, kinds(header)) == ((1.0, 1.0, 1.0), {Kind.UNSTATED_SPACING})
    assert "300 dots per" in said(header)
    header = read_header(tiff(tmp_path / "a.tif", 1, "", ((300, 1), (300, 1)), unit))
    assert (header.spacing_mm, kinds(header)) == ((1.0, 1.0, 1.0), {Kind.PIXELS_ONLY})


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif"])
@pytest.mark.parametrize("density", [72, 96, 300, 2540])
def test_no_picture_has_a_size_of_its_density(tmp_path, name, density):
    Image.fromarray(np.arange(20, dtype=np.uint8).reshape(4, 5)).save(tmp_path / name, dpi=(density, density))
    header = read_header(tmp_path / name)
    assert (header.spacing_mm, kinds(header)) == ((1.0, 1.0, 1.0), {Kind.PIXELS_ONLY})


def test_sidecar_and_ome_that_differ_are_an_error_and_the_sidecar_is_taken(tmp_path):
    path = tiff(tmp_path / "cell_0000.tif", 6, OME.format(MICRONS))
    sidecar(tmp_path / "cell.json", [2.5, 0.5, 0.75])
    assert read_header(path).notes == ()
    sidecar(tmp_path / "cell.json", [2500, 500, 750])
    header = read_header(path)
    assert header.spacing_mm == (750.0, 500.0, 2500.0)
    assert Kind.CONTRADICTORY_SPACING in kinds(header)
