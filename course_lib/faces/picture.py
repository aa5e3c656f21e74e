"""One batch of pictures on its way from parameters to pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.faces import truth
from course_lib.faces.appearance import paint
from course_lib.faces.background import draw_background
from course_lib.faces.camera import Camera, Pose, compress, defocus, sensor, to_camera_frame, tone_curve
from course_lib.faces.canvas import CHANNELS, Canvas, Stage
from course_lib.faces.hair import style_columns
from course_lib.faces.held import draw_held
from course_lib.faces.landmarks import sheet_landmarks
from course_lib.faces.light import Points, cast_shadows, light_direction, shade
from course_lib.faces.maths import Columns, constant, gather_bilinear, surface_normals, take
from course_lib.faces.mouth import jaw_drop, opening
from course_lib.faces.occluders import SUNGLASSES, brim, glasses_shape, lens_light, wear
from course_lib.faces.params import FaceParams, NuisanceParams
from course_lib.faces.raster import Hits, Layer, rasterise
from course_lib.faces.rendered import Rendered
from course_lib.faces.samples import choose_samples
from course_lib.faces.sheet import Grid
from course_lib.faces.surface import Surface, express
from course_lib.geometry import five_points


class Picture:
    """One batch of pictures on its way from parameters to pixels."""

    def __init__(
        self, p: FaceParams, q: NuisanceParams, surface: Surface, grid: Grid, row: Tensor, size: int, supersample: int,
        extent: float | int, framing: str,
    ):  # fmt: skip
        self.q, self.surface, self.grid, self.row = q, surface, grid, row
        self.size, self.supersample, self.extent, self.framing = size, supersample, extent, framing
        self.values = p.values | style_columns(p.values) | q.values
        # Light in hair, its sheen and damp, change how dark it looks from picture to picture.
        self.values["hair"] = p["hair"] * q["hair_light"][:, None]
        self.e, self.e3 = Columns(self.values), Columns(self.values, 3)
        self.pose = Pose(q["yaw"], q["pitch"], q["roll"])

    def render(self, shadows: bool, index: Tensor) -> Rendered:
        """All steps in order; ``index`` (B,) is only passed through."""
        self._pose_surfaces()
        self._landmarks_and_camera()
        hits = self._rasterise()
        canvas = self._paint(hits)
        light = self._shade(canvas, shadows)
        return self._develop(canvas, hits, light, index)

    def _pose_surfaces(self) -> None:
        s = self.surface
        per_picture = Surface(
            take(s.points, self.row),
            take(s.normals, self.row),
            s.attributes,
            s.half,
            take(s.frontal, self.row),
            s.texture,
            s.jaw,
            s.ears,
            s.strands,
            s.present,
        )
        per_picture.attributes = take(s.attributes, self.row)
        points, normals = express(per_picture, self.grid, self.e3)
        self.attributes = per_picture.attributes
        self.bare = self.pose.points(points)
        self.bare_normals = self.pose.directions(normals, self.grid.y_column)
        self.worn = None
        self.points, self.normals = self.bare, self.bare_normals
        if bool((self.q["hat"] > 0).any() | (self.q["mask"] > 0).any()):
            self.worn = wear(self.e3, self.grid, points, per_picture.frontal)
            self.points = self.pose.points(self.worn.points)
            self.normals = self.pose.directions(surface_normals(self.worn.points), self.grid.y_column)

    def _landmarks_and_camera(self) -> None:
        e, q, grid = self.e, self.q, self.grid
        x, y = sheet_landmarks(e)
        row = grid.row_of(y)
        r = row.long().clamp(max=grid.rows - 2)
        half = take(self.surface.half, self.row)
        width = torch.lerp(half.gather(1, r), half.gather(1, r + 1), row - r)
        column = grid.column_of(torch.asin((x / width).clamp(-0.999, 0.999)))
        batch = torch.arange(len(x), device=x.device)[:, None].expand_as(row).reshape(-1)
        inner = gather_bilinear(self.bare, batch, row.reshape(-1), column.reshape(-1)).view(len(x), -1, 3)
        jaw = take(self.surface.jaw, self.row)
        drop = jaw_drop(Columns(self.values, 2), jaw[..., 3], jaw[..., 4], jaw[..., 5])
        outline = self.pose.points(jaw[..., :3] - drop[..., None] * constant([0.0, 1.0, 0.25], jaw))
        self.landmarks = torch.cat([outline, inner], 1)
        distance = q["distance"]
        focal = distance / (self.extent / q["scale"])
        if self.framing == "face":
            eyes = self.landmarks[:, [36, 39, 42, 45]].mean(1)
            centre = 0.5 * (eyes + self.landmarks[:, [48, 54]].mean(1))
            lower = 0.05
        else:
            centre = self.pose.points(constant([0.0, -2.3, 2.0], distance).expand(len(x), 1, 3).clone())[:, 0]
            lower = 0.0
        scale = focal / (distance - centre[:, 2])
        self.camera = Camera(
            focal, distance, -centre[:, 0] * scale + q["shift_x"], centre[:, 1] * scale + q["shift_y"] + lower
        )

    def _layer(self, points: Tensor, cull: bool, quads: Tensor | None = None, nearer: float | int = 0.0) -> Layer:
        x, y = self.camera.project(points, float(self.size * self.supersample))
        return Layer(x, y, self.camera.distance.view(-1, 1, 1) - points[..., 2] - nearer, cull, quads)

    def _rasterise(self) -> Hits:
        s, q = self.surface, self.q
        self.names, layers = ["sheet", "ear_left", "ear_right", "strands"], [self._layer(self.points, True)]
        ears = take(s.ears, self.row)
        covered = (q["hat"] == 3).view(-1, 1, 1)
        for side in (0, 1):
            layers.append(self._layer(self.pose.points(ears[:, side, ..., :3]), False, ~covered))
        self.ears = torch.stack(
            [
                torch.cat(
                    [
                        self.pose.directions(ears[:, k, ..., 3:6], torch.zeros(1, 1, 1, device=ears.device)),
                        ears[:, k, ..., 6:],
                    ],
                    -1,
                )
                for k in (0, 1)
            ]
        )
        strands = take(s.strands, self.row)
        present = take(s.present, self.row)
        height = strands[..., 11]
        if self.worn is not None:
            limit = torch.tensor([99.0, 3.2, 3.6, -99.0, 99.0], device=height.device)[q["hat"]].view(-1, 1, 1)
            low = torch.where(q["mask"] == 3, -3.0, -99.0).view(-1, 1, 1)
            present = present & (height < limit)[:, :-1, :-1] & (height > low)[:, :-1, :-1]
        layers.append(self._layer(self.pose.points(strands[..., :3]), False, present))
        # Both edges of a strand share normal and tangent: every second column has them.
        one = strands[:, :, ::2]
        turned = self.pose.directions(
            torch.stack([one[..., 3:6], one[..., 6:9]], 3).flatten(2, 3), height[:, :, ::2].repeat_interleave(2, 2)
        )
        turned = turned.view(*one.shape[:3], 6).repeat_interleave(2, 2)
        self.strands = torch.cat([turned, strands[..., 9:11]], -1)
        self.others: list[Tensor] = []
        self.lenses: list[Tensor] = []
        self._add_things(layers)
        return rasterise(layers, self.size * self.supersample)

    def _add_things(self, layers: list[Layer]) -> None:
        """Frames and brims, where a picture of the batch has them."""
        glasses, hat = self.q["glasses"], self.q["hat"]
        things: list[tuple[str, Tensor, Tensor]] = []
        if bool((glasses > 0).any()):
            frames, lenses = glasses_shape(self.e3)
            things += [("frame", frame, glasses > 0) for frame in frames]
            self.lenses = [self.pose.points(lens) for lens in lenses]
        if bool((hat == 2).any()):
            things.append(("brim", brim(self.e3), hat == 2))
        for number, (name, points, on) in enumerate(things):
            layers.append(
                self._layer(self.pose.points(points), False, on.view(-1, 1, 1), nearer=0.15 if name == "frame" else 0.0)
            )
            self.others.append(
                self.pose.directions(surface_normals(points, wrap=False), torch.zeros(1, 1, 1, device=points.device))
            )
            self.names.append("brim" if name == "brim" else f"frame{number}")

    def _paint(self, hits: Hits) -> Canvas:
        channels = [self.normals, self.attributes[..., : len(CHANNELS)]]
        if self.worn is not None:
            channels += [self.worn.hat[..., None], self.worn.mask[..., None]]
        grid = self.grid
        y, theta = grid.y.view(-1, 1), grid.theta.view(1, -1)
        eyes = (y.abs() < 1.5) & (theta.abs() < 0.85)
        mouth = (y > -8.2) & (y < -3.2) & (theta.abs() < 0.62)
        samples = choose_samples(
            hits, len(self.row), self.size, self.supersample, (eyes | mouth).expand(grid.rows, grid.columns)
        )
        distance = float(self.extent) / self.size
        stage = Stage(
            grid=grid, surface=self.surface, identity=self.row, table=torch.cat(channels, -1), rotation=self.pose.head, ears=self.ears,
            strands=self.strands, others=self.others, names=self.names, pixel=(distance, distance / self.supersample),
            light=light_direction(self.e),
        )  # fmt: skip
        canvas = Canvas(stage, samples, hits, self.values, self.camera)
        paint(canvas)
        return canvas

    def _shade(self, c: Canvas, shadows: bool) -> Tensor:
        other = torch.maximum(c.hat, c.mask)
        skin = (1 - c.hair) * (1 - other) * (1 - c.cloth) * (1 - (c.smooth > 0.5).float())
        points = Points(
            batch=c.batch, position=c.position, normal=c.normal, view=c.view, albedo=c.albedo, occlusion=c.lit_openness(),
            gloss=c.gloss * skin, skin=skin, lip=c.lip, mouth=c.mouth, eyeball=c.eyeball, highlight=c.highlight, hair=c.hair,
            hair_colour=c.hair_colour, tangent=c.tangent, strand=c.strand, curl=c.e["curl"], smooth=c.smooth,
        )  # fmt: skip
        shadow = torch.ones_like(c.hair)
        if shadows:
            side = 80 if self.size * self.supersample > 100 else 64
            shadow = cast_shadows(self.points, c.stage.light, c.position + c.normal * 0.65, c.batch, side)
        values = Columns({**self.values, "tone_of": self.values["tone"]})
        return shade(points, values, shadow)

    def _spread(self, c: Canvas, value: Tensor, empty: float | int = 0.0) -> Tensor:
        """Flat list (N, k) to pictures (B, k, S, S): whole pixels as they are, supersamples averaged."""
        s, batch, size, n = c.samples, len(self.row), self.size, self.supersample
        fine = torch.full((batch * size * n * size * n, value.shape[1]), empty, device=value.device)
        if n == 1:
            return fine.index_copy_(0, s.target, value).view(batch, size, size, -1).permute(0, 3, 1, 2)
        single = (~s.whole).nonzero()[:, 0]
        fine.index_copy_(0, s.target[single], value[single])
        pooled = F.avg_pool2d(fine.view(batch, size * n, size * n, -1).permute(0, 3, 1, 2), n)
        flat = pooled.permute(0, 2, 3, 1).reshape(batch * size * size, -1)
        first = len(value) - len(single)
        flat.index_copy_(0, s.target[:first], value[:first])
        return flat.view(batch, size, size, -1).permute(0, 3, 1, 2)

    def _central(self, c: Canvas, value: Tensor) -> Tensor:
        """Flat list (N, k) to pictures (B, S, S, k): the value at the middle of each pixel, 0 on the background."""
        s, batch, size, n = c.samples, len(self.row), self.size, self.supersample
        fine = torch.zeros(batch * size * n * size * n, value.shape[1], dtype=value.dtype, device=value.device)
        if n == 1:
            return fine.index_copy_(0, s.target, value).view(batch, size, size, -1)
        single = (~s.whole).nonzero()[:, 0]
        fine.index_copy_(0, s.target[single], value[single])
        middle = fine.view(batch, size, n, size, n, -1)[:, :, n // 2, :, n // 2].reshape(batch * size * size, -1)
        first = len(value) - len(single)
        middle.index_copy_(0, s.target[:first], value[:first])
        return middle.view(batch, size, size, -1)

    def _develop(self, c: Canvas, hits: Hits, light: Tensor, index: Tensor) -> Rendered:
        q, size = self.q, self.size
        batch = len(self.row)
        together = self._spread(c, torch.cat([light, torch.ones_like(light[:, :1])], 1))
        background = draw_background(q, size)
        image = together[:, :3] + background * (1 - together[:, 3:])
        cover = torch.zeros(batch, size, size, device=image.device)
        depth = torch.where(hits.index >= 0, hits.depth, torch.full_like(hits.depth, 1e4)).view(
            batch, size * self.supersample, -1
        )
        label = self._central(c, truth.label_places(c)[:, None])[..., 0].long()
        dark = torch.zeros_like(cover, dtype=torch.bool)
        if self.lenses:
            image, dark = self._add_lenses(image, depth)
            label = torch.where(dark, 6, label)
        held = torch.zeros_like(cover)
        if bool((q["object"] > 0).any()):
            image, held = self._add_held(image, held)
            label = torch.where(held > 0.5, truth.OCCLUDER, label)
        cover = torch.maximum(held, dark.float())
        image = self._expose(image)
        return self._truth(c, image, label, depth, cover, index)

    def _add_lenses(self, image: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
        on = (self.q["glasses"] > 0).view(-1, 1, 1)
        lens = rasterise([self._layer(points, False, on) for points in self.lenses], self.size * self.supersample)
        front = ((lens.index >= 0).view(depth.shape) & (lens.depth.view(depth.shape) < depth)).float()
        share = F.avg_pool2d(front[:, None], self.supersample)[:, 0] if self.supersample > 1 else front
        along = (torch.arange(self.size, device=image.device) + 0.5) / self.size
        u, v = along.view(1, 1, -1).expand_as(share), along.view(1, -1, 1).expand_as(share)
        through, reflected = lens_light(self.e3, u, v)
        image = image * (1 - share * (1 - through))[:, None] + (share * reflected)[:, None] * self.e["key"].view(
            -1, 1, 1, 1
        )
        dark = (self.q["glasses"] == SUNGLASSES).view(-1, 1, 1)
        return image, (share > 0.5) & dark

    def _add_held(self, image: Tensor, held: Tensor) -> tuple[Tensor, Tensor]:
        mouth = self.landmarks[:, 48:60].mean(1, keepdim=True)
        x, y = self.camera.project(mouth, float(self.size))
        unit = self.size * self.camera.focal / (self.camera.distance - mouth[:, 0, 2] - 3)
        thing, held = draw_held(self.e, torch.cat([x, y], 1) - 0.5, unit, self.size, light_direction(self.e))
        return image * (1 - held)[:, None] + thing * held[:, None], held

    def _expose(self, image: Tensor) -> Tensor:
        q = self.q
        image = image * (q["exposure"][:, None] * q["white_balance"])[..., None, None]
        if bool((q["defocus"] > 0).any()):
            image = defocus(image, q["defocus"] * self.size / 112)
        if bool((q["sensor_noise"] > 0).any()):
            image = sensor(image, q["sensor_noise"], q["noise_seed"])
        image = tone_curve(image)
        return compress(image, q["compression"]) if bool((q["compression"] > 0).any()) else image

    def _truth(self, c: Canvas, image: Tensor, label: Tensor, depth: Tensor, cover: Tensor, index: Tensor) -> Rendered:
        q, camera, size = self.q, self.camera, self.size
        x, y = camera.project(self.landmarks, float(size))
        landmarks = torch.stack([x, y], -1) - 0.5
        points, normals, on_face = truth.face_points(self.bare, self.bare_normals, self.attributes, self.grid)
        flip = constant([1.0, -1.0, -1.0], image)
        direction = light_direction(self.e) * flip
        width, gap = opening(self.e)
        seen = self._central(c, torch.cat([c.samples.depth[:, None], c.normal * flip], 1))
        lids = self._lid_gaps(landmarks)
        return Rendered(
            image=image, labels=torch.where(label == truth.OCCLUDER, 0, label), landmarks=landmarks,
            landmarks3d=to_camera_frame(self.landmarks, camera.distance), points=five_points(landmarks),
            visible=truth.visible_landmarks(self.landmarks, camera, depth, label, cover), box=truth.face_box(points, on_face, camera, size),
            yaw=q["yaw"].clone(), pitch=q["pitch"].clone(), roll=q["roll"].clone(), rotation=flip[:, None] * self.pose.head * flip,
            intrinsics=camera.matrix(size), depth=seen[..., 0], normals=seen[..., 1:].permute(0, 3, 1, 2).contiguous(),
            light=torch.cat([direction, torch.stack([q["key"], q["ambient"], q["warmth"]], 1)], 1), eye_openness=lids,
            mouth_opening=gap / (2 * width), occlusion=truth.occlusion_share(points, normals, on_face, camera, label, cover),
            occluder=label == truth.OCCLUDER, index=index,
        )  # fmt: skip

    def _lid_gaps(self, landmarks: Tensor) -> Tensor:
        p = self.landmarks
        gaps = []
        for first in (36, 42):
            upper, lower = p[:, first + 1 : first + 3].mean(1), p[:, first + 4 : first + 6].mean(1)
            gaps.append((upper - lower).norm(dim=-1) / (p[:, first] - p[:, first + 3]).norm(dim=-1))
        return torch.stack(gaps, 1)
