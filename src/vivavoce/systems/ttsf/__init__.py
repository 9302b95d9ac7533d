"""TTSF: a portrait and a text become a voice and a talking face, made together.

Youngjoon Jang, Ji-Hoon Kim, Junseok Ahn, Doyeop Kwak, Hong-Sun Yang, Yoon-Cheol Ju, Il-Hwan Kim,
Byeong-Yeol Kim, Joon Son Chung, "Faces that Speak: Jointly Synthesising Talking Face and Speech
from Text", CVPR 2024, arXiv 2405.10272.

    portrait ─E_v─▶ f_s ─E_m─▶ f_m,s ; f_id = f_s - f_m,s
    text ──▶ e_t ─E_t(f_id)─▶ f_t ─durations─▶ f~_t ─D_TTS(f_id)─▶ mel ─HiFi-GAN─▶ voice
    e_t, f~_t, energy ─audio mapper─▶ f_lip
    f_m,s + f_lip ─Conformer─▶ mu ─OT-CFM─▶ f_c ─normaliser─▶ f_m
    f_id (+ f_m | + f_lip, layer by layer, Eq. 1) ─G─▶ pictures
"""

TALKER = "vivavoce.systems.ttsf.talker:Ttsf"
TRAINING = "vivavoce.train.ttsf.training:TtsfTraining"
