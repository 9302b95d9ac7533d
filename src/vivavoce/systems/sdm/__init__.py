"""SDM: a portrait and speech become landmarks in motion, by shallow diffusion, and a video.

"Shallow Diffusion Motion Model for Talking Face Generation from Speech".

    speech S ─f_con─▶ content ─┐
    F_(i-1) ──f_enc─▶ M_(i-1) ─┴─h_enc─▶ z ; F-bar_(i) = f_dec(M_(i-1) + z)          (Eq. 2)
    speech S ─f_rhy─▶ F~_(i)                                                          (3.2)
    F^aux = F-bar + F~                                                                (Eq. 1)
    F^aux ─noise to step k─▶ F^k ─f_denoi, k times─▶ F*                               (Eqs. 6-9)
    reference landmarks + F* ─renderer─▶ pictures
"""

TALKER = "vivavoce.systems.sdm.talker:Sdm"
TRAINING = "vivavoce.train.sdm.training:SdmTraining"
