from __future__ import annotations
from vivavoce.systems.stage import *
from vivavoce.systems.stfm.settings import PRESETS, StfmSettings
from vivavoce.systems.stfm.stages import STAGES
from vivavoce.systems.stfm.voice import VoiceHalf
from vivavoce.speak.mel_codec import MelCodec
from vivavoce.train.stfm.voice import VoiceTraining
from vivavoce.nn.weights import packed
class StfmTraining(Together):
    system='stfm'
    presets={"tiny":Preset(PRESETS["tiny"],STAGES["tiny"])}
    def __init__(self, settings, stages):
        v=VoiceHalf(settings); c=MelCodec(settings.codec)
        self.settings=settings
        super().__init__(VoiceTraining(settings, v, c, tuple(stages)), stages=stages)
    def config(self): return {"settings": self.settings.model_dump(mode="json")}
    def files(self, stage):
        return {"voice.safetensors": (packed(self.network.voice.state_dict()), {"part":"stfm-voice"}),"codec.safetensors": (packed(self.network.codec.state_dict()), {"part":"stfm-codec"})}
