"""ImagineID: a voice alone becomes a person who says it.

"FaceChain-ImagineID: Freely Crafting High-Fidelity Diverse Talking Faces from Disentangled Audio".

    listening (Progressive Audio Disentanglement, 3.1)
    A ─Phi_E^id─▶ alpha^ (shape), theta_id                                          (Eqs. 1, 2)
    A ─Phi_E^c──▶ l- ; l = Phi_D^c(l- + MLP(alpha^))                                (Eqs. 4, 5)
    A ─Phi_E^e──▶ theta_e ; beta^ = Phi_D^e(theta_e + l- + MLP(alpha^))             (Eqs. 6, 7)

    imagining (Controllable Coherent Frame generation, 3.2)
    theta_id, theta_e ─F_TI─▶ 8 pseudo-words behind the prompt ─CLIP─▶ Y            (Eq. 8)
    E(I_rd) + E(I_id) + E(I_ad) ─F_SC─▶ F_sc ; z_T ─frozen U-Net, Y, F_sc─▶ z_0     (Eq. 9)
    z_0, E(I_bg), m ─decoder with F_MB─▶ frame                                      (Eq. 10)
"""

TALKER = "vivavoce.systems.imagine_id.talker:ImagineId"
TRAINING = "vivavoce.train.imagine_id.training:ImagineTraining"
